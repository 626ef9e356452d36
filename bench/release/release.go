// Package release measures what giving memory back costs those who allocate meanwhile: the latency of
// Heap.Alloc beside a goroutine that allocates and frees, where nothing is given back, where the scavenger
// gives back what is free, and where the goroutine calls Heap.Release, in turns, so that all meet the same
// machine; and what the scavenger takes of the CPUs.
package release

import (
	"fmt"
	"math"
	"slices"
	"sync"
	"time"

	"github.com/spanheap/spanheap"
)

const (
	turn = 20 * time.Millisecond // of each of the three

	liveBlocks        = 10_000 // of those whose allocation is timed, one at a time replaced
	smallest, largest = 8, 8192
	neighbourBlocks   = 64 // that the neighbour allocates, writes and frees before each Release
	neighbourBlock    = 64 << 10
	neighbourPeriod   = time.Millisecond
	expectedPerTurn   = 100_000 // allocations
	everything        = math.MaxInt
	decay             = 10 * time.Millisecond // of the heap that is scavenged
)

// A Report is what came of it.
type Report struct {
	Quiet, Scavenged, Beside Latencies // with nothing given back, beside the scavenger, and beside Release
	Released                 uint64    // bytes
}

// Latencies are those of single calls of Alloc.
type Latencies struct {
	Calls                int
	P50, P99, P999, Last time.Duration // Last is the slowest
}

// Measure allocates for about the time given.
func Measure(about time.Duration) (r Report, err error) {
	kept, err := newAllocator(spanheap.Options{Name: "release", Scavenge: spanheap.Never()})
	if err != nil {
		return r, err
	}
	defer kept.heap.Close()
	scavenged, err := newAllocator(spanheap.Options{Name: "scavenged", Scavenge: spanheap.Decay(decay)})
	if err != nil {
		return r, err
	}
	defer scavenged.heap.Close()
	turns := int(about/(3*turn)) + 1
	var calls [3][]time.Duration
	for i := range calls {
		calls[i] = make([]time.Duration, 0, turns*expectedPerTurn)
	}
	for range turns {
		for i, a := range []*allocator{kept, scavenged, kept} {
			var released uint64
			if calls[i], released, err = a.takeTurn(calls[i], i == 2); err != nil {
				return r, err
			}
			r.Released += released
		}
	}
	r.Quiet, r.Scavenged, r.Beside = newLatencies(calls[0]), newLatencies(calls[1]), newLatencies(calls[2])
	return r, nil
}

func newLatencies(calls []time.Duration) Latencies {
	slices.Sort(calls)
	at := func(share float64) time.Duration { return calls[int(share*float64(len(calls)-1))] }
	return Latencies{len(calls), at(0.5), at(0.99), at(0.999), at(1)}
}

// An allocator replaces random blocks of its table.
type allocator struct {
	heap   *spanheap.Heap
	blocks [][]byte
	random uint64
	sizes  [4096]int // log-uniform
}

func newAllocator(o spanheap.Options) (*allocator, error) {
	heap, err := spanheap.NewHeap(o)
	if err != nil {
		return nil, err
	}
	a := &allocator{heap: heap, blocks: make([][]byte, liveBlocks), random: 88172645463325252}
	a.drawSizes()
	for i := range a.blocks {
		if a.blocks[i], err = heap.Alloc(a.size()); err != nil {
			heap.Close()
			return nil, err
		}
	}
	return a, nil
}

func (a *allocator) drawSizes() {
	octaves := math.Log2(largest / smallest)
	for i := range a.sizes {
		a.sizes[i] = int(smallest * math.Exp2((float64(i)+0.5)/float64(len(a.sizes))*octaves))
	}
}

func (a *allocator) size() int {
	a.random ^= a.random << 13
	a.random ^= a.random >> 7
	a.random ^= a.random << 17
	return a.sizes[a.random%uint64(len(a.sizes))]
}

// takeTurn replaces blocks beside a neighbour for a turn, and adds the latency of each Alloc.
func (a *allocator) takeTurn(calls []time.Duration, release bool) ([]time.Duration, uint64, error) {
	n := neighbour{heap: a.heap, release: release}
	stop := make(chan struct{})
	var running sync.WaitGroup
	running.Go(func() { n.run(stop) })
	var err error
	for start := time.Now(); err == nil; {
		size := a.size()
		i := a.random >> 32 % liveBlocks
		a.heap.Free(a.blocks[i])
		before := time.Since(start)
		a.blocks[i], err = a.heap.Alloc(size)
		after := time.Since(start)
		calls = append(calls, after-before)
		if after > turn {
			break
		}
	}
	close(stop)
	running.Wait()
	if err == nil {
		err = n.err
	}
	return calls, n.released, err
}

// A neighbour allocates and frees on the same heap, and may give back all that is free after it.
type neighbour struct {
	heap     *spanheap.Heap
	release  bool
	released uint64
	err      error
}

func (n *neighbour) run(stop <-chan struct{}) {
	ticks := time.NewTicker(neighbourPeriod)
	defer ticks.Stop()
	for {
		select {
		case <-stop:
			return
		case <-ticks.C:
		}
		var blocks [neighbourBlocks][]byte
		for i := range blocks {
			b, err := n.heap.AllocUninit(neighbourBlock)
			if err != nil {
				n.err = fmt.Errorf("beside: %w", err)
				return
			}
			clear(b)
			blocks[i] = b
		}
		for _, b := range blocks {
			n.heap.Free(b)
		}
		if n.release {
			n.released += uint64(n.heap.Release(everything))
		}
	}
}
