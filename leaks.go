package spanheap

import (
	"cmp"
	"fmt"
	"maps"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/spanheap/spanheap/internal/callstack"
	"github.com/spanheap/spanheap/mheap"
)

// Leaks: the notes of live blocks, summed up by the stacks that allocated them. A sampled block stands for as
// many as it weighs; in a heap at a debug level each block has a note and stands for itself.

// Leak is what lives of the blocks that one stack allocated.
type Leak struct {
	Stack      []runtime.Frame   // innermost first, without this package's functions; empty where it is not known
	NotSampled bool              // what Stats counts and no note explains, of whatever stacks
	Blocks     uint64            // live blocks
	Bytes      uint64            // asked for
	Oldest     time.Duration     // age of the oldest block whose birth is known
	Classes    map[string]uint64 // notes, not weighed, by the names of their classes: see ClassStats.Name
}

// LeakReport tells what lives, the most bytes first. It is the caller's.
type LeakReport struct {
	Leaks []Leak
	Exact bool // every block has a note that stands for it alone; otherwise figures are estimates
}

// Leaks returns the heap's live blocks by the stacks that allocated them. At a profile rate of 1 (SetProfileRate)
// and at a debug level (Options.Debug) each block is known, and its stack at that rate or at DebugStacks;
// otherwise the figures are estimates from the samples of the heap profile, and what these do not explain of
// Stats is one entry. The figures are those of the moment only while nobody else allocates or frees. That of a
// closed heap is empty. Any goroutine may call it.
func (h *Heap) Leaks() LeakReport { return leaksOf([]*Heap{h}, nil) }

// LeaksSince is Leaks for the blocks that were allocated at the moment or later; Realloc allocates where it moves
// a block. Blocks that were allocated without a note have no time of birth and are left out; Exact says only that
// each block listed stands for itself.
func (h *Heap) LeaksSince(moment time.Time) LeakReport { return leaksOf([]*Heap{h}, &moment) }

// Leaks returns the live blocks of all open heaps. See Heap.Leaks.
func Leaks() LeakReport { return leaksOf(Heaps(), nil) }

// leakKey is a stack of PCs, 0 behind the outermost, or what is not sampled.
type leakKey struct {
	stack      [maxDepth]uintptr
	notSampled bool
}

// leakSums are the sums by stack over heaps.
type leakSums struct {
	of    map[leakKey]*Leak
	exact bool
}

func leaksOf(heaps []*Heap, since *time.Time) LeakReport {
	sums := leakSums{of: map[leakKey]*Leak{}, exact: true}
	for _, h := range heaps {
		if h.readable() {
			sums.addHeap(h, since)
			h.readers.RUnlock()
		}
	}
	r := LeakReport{Exact: sums.exact}
	joined := map[string]*Leak{}
	for key, l := range sums.of {
		l.Stack = outerFrames(key.stack[:])
		seen := l.seen()
		if same := joined[seen]; same != nil {
			same.join(l)
			continue
		}
		joined[seen] = l
	}
	for _, l := range joined {
		r.Leaks = append(r.Leaks, *l)
	}
	slices.SortFunc(r.Leaks, func(a, b Leak) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Blocks, a.Blocks))
	})
	return r
}

// seen is what people see of the stack: stacks that differ within this package alone are one.
func (l *Leak) seen() string {
	if l.NotSampled {
		return "not sampled"
	}
	var b strings.Builder
	for _, f := range l.Stack {
		fmt.Fprintf(&b, "%s %s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}

// join adds the blocks of another.
func (l *Leak) join(o *Leak) {
	l.Blocks += o.Blocks
	l.Bytes += o.Bytes
	l.Oldest = max(l.Oldest, o.Oldest)
	for class, n := range o.Classes {
		l.Classes[class] += n
	}
}

// at returns the sums of a key.
func (s *leakSums) at(key leakKey) *Leak {
	l := s.of[key]
	if l == nil {
		l = &Leak{NotSampled: key.notSampled}
		s.of[key] = l
	}
	return l
}

// addHeap adds a heap that is not closed meanwhile.
func (s *leakSums) addHeap(h *Heap, since *time.Time) {
	blocks, bytes := s.addNotes(h, since)
	if since != nil || h.checks != nil {
		return
	}
	stats := h.stats()
	blocks, bytes = stats.LiveBlocks-min(blocks, stats.LiveBlocks), stats.Live-min(bytes, stats.Live)
	if blocks > 0 || bytes > 0 {
		s.exact = false
		l := s.at(leakKey{notSampled: true})
		l.Blocks += blocks
		l.Bytes += bytes
	}
}

// addNotes adds what the heap's notes stand for, and returns the sums.
func (s *leakSums) addNotes(h *Heap, since *time.Time) (blocks, bytes uint64) {
	t := &h.notes
	t.mu.Lock()
	defer t.mu.Unlock()
	now := t.clock()
	weighed := map[*Leak]uint64{} // in parts of 1/weightOne
	for p, x := range t.of {
		if since != nil && x.born < since.Sub(notesBegin) {
			continue
		}
		var key leakKey
		if x.stack != nil {
			copy(key.stack[:], x.stack[:])
		} else if r := x.sample.record; r != nil {
			copy(key.stack[:], r.stack)
		}
		sum := totals{blocks: weightOne, bytes: uint64(x.size)}
		if h.checks == nil {
			sum = x.sample.totals(x.size, x.usable)
			s.exact = s.exact && x.sample.weight == weightOne
		}
		l := s.at(key)
		weighed[l] += sum.blocks
		l.Bytes += sum.bytes
		bytes += sum.bytes
		if x.born != unknownBirth {
			l.Oldest = max(l.Oldest, now-x.born)
		}
		if l.Classes == nil {
			l.Classes = map[string]uint64{}
		}
		l.Classes[className(mheap.EntryOf(p).Class())]++
	}
	for l, w := range weighed {
		n := (w + weightOne/2) >> weightBits
		l.Blocks += n
		blocks += n
	}
	return blocks, bytes
}

// outerFrames returns the frames of a stack, without those of this package at its inner end.
func outerFrames(stack []uintptr) (fs []runtime.Frame) {
	depth := slices.Index(stack, 0)
	if depth < 0 {
		depth = len(stack)
	}
	for f := range callstack.Frames(stack[:depth]) {
		if len(fs) == 1 && strings.HasPrefix(fs[0].Function, ownFunctions) {
			fs = fs[:0]
		}
		fs = append(fs, f)
	}
	return fs
}

// String returns the report as text, a paragraph for each stack.
func (r LeakReport) String() string {
	var b strings.Builder
	var blocks, bytes uint64
	for _, l := range r.Leaks {
		blocks += l.Blocks
		bytes += l.Bytes
	}
	kind := "estimated"
	if r.Exact {
		kind = "exact"
	}
	fmt.Fprintf(&b, "%s live, %d bytes (%s)\n", countBlocks(blocks), bytes, kind)
	for _, l := range r.Leaks {
		fmt.Fprintf(&b, "\n%v", l)
	}
	return b.String()
}

// String returns the entry as text, a line for each frame behind the first.
func (l Leak) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s, %d bytes", countBlocks(l.Blocks), l.Bytes)
	if l.NotSampled {
		return b.String() + ", not sampled\n"
	}
	fmt.Fprintf(&b, ", the oldest %v old; by class", l.Oldest.Round(time.Millisecond))
	for _, class := range slices.Sorted(maps.Keys(l.Classes)) {
		fmt.Fprintf(&b, " %s: %d", class, l.Classes[class])
	}
	b.WriteByte('\n')
	if len(l.Stack) == 0 {
		b.WriteString("\tstack not known\n")
	}
	for _, f := range l.Stack {
		fmt.Fprintf(&b, "\t%s %s:%d\n", f.Function, f.File, f.Line)
	}
	return b.String()
}
