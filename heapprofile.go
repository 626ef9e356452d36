package spanheap

import (
	"fmt"
	"io"
	"math"
	"os"
	"time"

	"github.com/spanheap/spanheap/internal/pprofproto"
	"github.com/spanheap/spanheap/mheap"
)

// DefaultProfileRate is the profile rate that a process begins with, in bytes. It is the one rate that gives way: where
// a P, or a Local, allocates more than that in 50 microseconds, it has a sample each 50 microseconds instead, so that
// samples take less than a hundredth of its time, however much it allocates. Every other rate is kept as it was set.
const DefaultProfileRate = 512 << 10

// maxProfileRate is the largest rate: with it sums of weights fit.
const maxProfileRate = min(1<<40, math.MaxInt)

// SetProfileRate sets how many bytes of all heaps are allocated, on average, from one block that the heap
// profile samples to the next, and returns what it was: 0, or less, samples none, 1 every block, which
// costs some microseconds and a hundred bytes of the Go heap a block; rates above 1 TiB count as 1 TiB.
// DefaultProfileRate gives way to those who allocate fast.
// A heap that guards blocks samples more often if it must: see Options.Guard.
// Unlike runtime.MemProfileRate, which it is modelled on, the rate may change at any time, from any
// goroutine: every block counts by the rate that it was sampled with. Heaps sample with the new rate at
// once, but that a Local may allocate another 2 MiB of some sizes before it does, or 64 where it allocates gigabytes a
// millisecond. Blocks that live already stay what they are.
func SetProfileRate(bytes int) (before int) {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	before = int(registry.profileRate)
	registry.profileRate = uintptr(min(max(bytes, 0), maxProfileRate))
	for i := range registry.heaps {
		if h := registry.heaps[i].Load(); h != nil {
			h.setSampleRate(registry.profileRate)
		}
	}
	return before
}

// ProfileRate returns the rate that was set last, DefaultProfileRate at first. See SetProfileRate.
func ProfileRate() int {
	registry.mu.Lock()
	defer registry.mu.Unlock()
	return int(registry.profileRate)
}

// WriteHeapProfile writes the profile of all open heaps. See Heap.WriteHeapProfile.
func WriteHeapProfile(w io.Writer) error { return ReadProfile().Write(w) }

// WriteHeapProfile writes which code allocated the heap's blocks, for go tool pprof: a gzip'd
// profile.proto with the sample types
//
//	alloc_objects/count alloc_space/bytes   blocks allocated since the heap was made, and bytes asked for
//	inuse_objects/count inuse_space/bytes   those of them that live; inuse_space is shown by default
//	waste_space/bytes                       what living blocks have beyond what was asked for
//
// and the labels heap (its name), purpose (Options.Purpose), class (as ClassStats.Name) and bytes (of
// the class's slots, which large blocks have not), by which -tagfocus selects. The profile is symbolised, functions of this package
// left out.
//
// The figures are estimates from samples, one block each ProfileRate bytes or more, and scaled up; for a rate of
// 1 they are exact, though the waste is that which guarded blocks would have as others. They are those of the moment, whatever the collector does. A heap's part of the
// profile ends with its Close. Stacks are cut off behind 64 frames, and of a heap's stacks beyond 8192
// only the sums are known.
//
// Other goroutines may allocate and free meanwhile. Errors: ErrClosed, and w's own.
// After runtime/pprof.WriteHeapProfile and the sampling of runtime/mprof.go.
func (h *Heap) WriteHeapProfile(w io.Writer) error {
	if h.closed.Load() {
		return fmt.Errorf("spanheap: heap profile: %w", ErrClosed)
	}
	return ReadProfileOf(h).Write(w)
}

// CutProfile ends an epoch of the heap's profile and begins the next. What it writes to w, unless that is
// nil, is of the form of WriteHeapProfile, for the blocks that were allocated since the cut before, or since
// the heap was made: those that are in use have outlived the epoch. Errors: ErrClosed, and w's own, after
// which the epoch has ended nevertheless. Any goroutine may call it; profiles of all blocks are not touched.
// After the cycles of runtime/mprof.go.
func (h *Heap) CutProfile(w io.Writer) error {
	if h.closed.Load() {
		return fmt.Errorf("spanheap: heap profile: %w", ErrClosed)
	}
	recent := h.notes.cut()
	if w == nil {
		return nil
	}
	return writeProfile(w, h.samples(recent))
}

// writeProfile writes the samples as the profile of this moment.
func writeProfile(w io.Writer, samples []pprofproto.Sample) error {
	return writeProfileOf(w, samples, time.Now(), 0, ProfileRate())
}

// writeProfileOf writes the samples as the profile of a moment, or of the time before it, with the rate.
func writeProfileOf(w io.Writer, samples []pprofproto.Sample, moment time.Time, span time.Duration, rate int) error {
	binary, _ := os.Executable() // some systems have no name for it
	p := pprofproto.Profile{
		Types: []pprofproto.ValueType{
			{Type: "alloc_objects", Unit: "count"}, {Type: "alloc_space", Unit: "bytes"},
			{Type: "inuse_objects", Unit: "count"}, {Type: "inuse_space", Unit: "bytes"},
			{Type: "waste_space", Unit: "bytes"},
		},
		Default:    "inuse_space",
		Samples:    samples,
		Period:     int64(rate),
		PeriodType: pprofproto.ValueType{Type: "space", Unit: "bytes"},
		Time:       moment,
		Duration:   span,
		Binary:     binary,
	}
	if err := p.Write(w); err != nil {
		return fmt.Errorf("spanheap: heap profile: %w", err)
	}
	return nil
}

// samples returns the heap's part of a profile.
func (h *Heap) samples(records []placedCounts) (samples []pprofproto.Sample) {
	for _, r := range records {
		samples = append(samples, pprofproto.Sample{
			Stack: frames(r.stack),
			Values: []int64{
				blocks(r.allocated), int64(r.allocated.bytes),
				blocks(r.live), int64(r.live.bytes), int64(r.live.waste),
			},
			Labels: h.labels(r.class),
		})
	}
	return samples
}

// blocks returns the whole number of blocks nearest to the sum, which is below 0 in what has gone.
func blocks(t totals) int64 { return int64(t.blocks+weightOne/2) >> weightBits }

func (h *Heap) labels(size uint8) []pprofproto.Label {
	class := mheap.ClassOf(size, true)
	labels := []pprofproto.Label{
		{Key: "heap", Text: h.name},
		{Key: "class", Text: className(class)},
	}
	if h.purpose != "" {
		labels = append(labels, pprofproto.Label{Key: "purpose", Text: h.purpose})
	}
	if bytes := class.Layout().Bytes; bytes > 0 {
		labels = append(labels, pprofproto.Label{Key: "bytes", Num: int64(bytes), Unit: "bytes"})
	}
	return labels
}

// frames returns the frames of a stack as a profile has them.
func frames(stack []uintptr) (fs []pprofproto.Frame) {
	for _, f := range outerFrames(stack) {
		fs = append(fs, pprofproto.Frame{PC: uint64(f.PC), Function: f.Function, File: f.File, Line: f.Line})
	}
	if fs == nil {
		return []pprofproto.Frame{{Function: "spanheap: stacks beyond the bound"}}
	}
	return fs
}

// ownFunctions begins the names of this package's functions.
var ownFunctions = packagePath + "."
