package spanheap_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// However unevenly goroutines allocate and free, what a heap holds beyond its live blocks is bounded.

// slack is what two Ps may hold for a class or two, with the spans behind them and their records.
const slack = 4 << 20

// footprint is the most that a heap was backed by.
type footprint struct {
	heap *spanheap.Heap
	most uint64
}

func (f *footprint) look() { f.most = max(f.most, f.heap.Stats().Backed) }

func TestProducerAndConsumer(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	for _, n := range []int{5, 64, 1000, 20_000, 60_000} {
		count := loops(min(200_000, 200<<20/n))
		waiting := min(1000, 2<<20/n)
		f := footprint{heap: newHeap(t)}
		blocks := make(chan []byte, waiting)
		var wg sync.WaitGroup
		wg.Go(func() {
			defer close(blocks)
			for range count {
				b, err := f.heap.AllocUninit(n)
				if err != nil {
					t.Error(err)
					return
				}
				b[0], b[n-1] = 1, 1
				blocks <- b
			}
		})
		wg.Go(func() { // never allocates
			for i := range count {
				f.heap.Free(<-blocks)
				if i%1000 == 0 {
					f.look()
				}
			}
		})
		wg.Wait()
		require.Less(t, f.most, uint64(2*waiting*n+slack), "%d bytes, %d blocks, at most %d live", n, count, waiting)
		closeEmpty(t, f.heap)
	}
}

// Every goroutine frees what others allocated, and ends.
func TestGoroutinesThatOnlyFree(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	f := footprint{heap: newHeap(t)}
	for range loops(300) {
		var blocks [][]byte
		for range 1000 {
			blocks = append(blocks, alloc(t, f.heap, 1000))
		}
		elsewhere(func() {
			runtime.LockOSThread() // and its thread ends with it
			for _, b := range blocks {
				f.heap.Free(b)
			}
		})
		f.look()
	}
	require.Less(t, f.most, uint64(2*1000*1000+slack))
	closeEmpty(t, f.heap)
}

// The goroutine that allocated does nothing any more, others free its blocks: all memory comes back.
func TestMemoryOfAGoroutineThatStopped(t *testing.T) {
	h := newHeap(t)
	sizes := []int{3, 8, 100, 3000, 32 << 10, 50_000, 1 << 20}
	blocks := make(chan []byte, 100_000)
	stopped, end := make(chan struct{}), make(chan struct{})
	go func() {
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		for _, n := range sizes {
			for range 1 + min(2000, 4<<20/n) {
				b, err := h.AllocUninit(n)
				if err != nil {
					t.Error(err)
					break
				}
				blocks <- b
			}
		}
		close(stopped)
		<-end
	}()
	<-stopped
	close(blocks)
	var wg sync.WaitGroup
	for range 3 {
		wg.Go(func() {
			for b := range blocks {
				h.Free(b)
			}
		})
	}
	wg.Wait()
	before := h.Stats()
	var released int
	elsewhere(func() { released = h.Release(everything) })
	s := h.Stats()
	require.EqualValues(t, before.Backed-before.Metadata, released, "all but the records")
	require.EqualValues(t, s.Metadata, s.Backed)
	require.Zero(t, s.Spans)
	close(end)
	closeEmpty(t, h)
}

// A load that comes and goes between two levels takes no more in its hundredth cycle than in its tenth.
func TestLoadThatSwings(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(2))
	h := newHeap(t)
	early, late := footprint{heap: h}, footprint{heap: h}
	var blocks [][]byte
	cycles := loops(200)
	for cycle := range cycles {
		for i := range 1500 {
			blocks = append(blocks, alloc(t, h, 1+(i*i+cycle)%4000))
		}
		if cycle < cycles/2 {
			early.look()
		} else {
			late.look()
		}
		for _, b := range blocks {
			h.Free(b)
		}
		blocks = blocks[:0]
	}
	require.Less(t, late.most, early.most+slack)
	closeEmpty(t, h)
}
