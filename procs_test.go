//go:build !js && !wasip1

package spanheap_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// Ps come and go with GOMAXPROCS; blocks and memory do not.

func TestProcsComeAndGoUnderLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	s := stress{heap: newHeap(t)}
	var wg sync.WaitGroup
	var done atomic.Int32
	const workers = 8
	for w := range workers {
		wg.Go(func() {
			defer done.Add(1)
			r := rand.New(rand.NewPCG(30, uint64(w)))
			if err := s.work(r, loops(8000), uint64(w)); err != nil {
				t.Error(err)
			}
		})
	}
	for i := 0; done.Load() < workers; i++ {
		runtime.GOMAXPROCS([...]int{8, 1, 3, 16, 2}[i%5])
		for range 50 {
			runtime.Gosched()
		}
	}
	wg.Wait()
	require.NoError(t, s.heap.Verify())
	require.NoError(t, s.clear())

	runtime.GOMAXPROCS(1)
	s.heap.Release(everything)
	require.Zero(t, s.heap.Stats().CachedSlots, "not even in the caches of Ps that are gone")
	require.Zero(t, s.heap.Stats().Spans)
	closeEmpty(t, s.heap)
}

// spread has each of eight Ps free blocks of a class of its own, so that they lie in its cache, and
// returns the sizes.
func spread(t *testing.T, allocate func(int) ([]byte, error), free func([]byte)) (sizes []uint64) {
	const procs = 8
	runtime.GOMAXPROCS(procs)
	var arrived atomic.Int32
	var wg sync.WaitGroup
	for i := range procs {
		size := 256 << (i / 2)
		size += size / 2 * (i % 2)
		sizes = append(sizes, uint64(size))
		wg.Go(func() {
			for arrived.Add(1); arrived.Load() < procs; { // while all are busy, each is on a P of its own
			}
			blocks := make([][]byte, 4)
			for i := range blocks {
				b, err := allocate(size)
				if err != nil {
					t.Error(err)
				}
				blocks[i] = b
			}
			for _, b := range blocks {
				free(b)
			}
			for arrived.Add(1); arrived.Load() < 2*procs; {
			}
		})
	}
	wg.Wait()
	return sizes
}

// cachedOf returns which of the sizes have slots in caches.
func cachedOf(classes []spanheap.ClassStats, sizes []uint64) (cached []uint64) {
	for _, c := range classes {
		if c.CachedSlots > 0 && slices.Contains(sizes, c.Size) {
			cached = append(cached, c.Size)
		}
	}
	return cached
}

func TestReleaseEmptiesCachesOfVanishedProcs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	h := newHeap(t)
	h.Free(alloc(t, h, 16<<20)) // so that it need not grow, and look for what is idle
	spread(t, h.AllocUninit, h.Free)
	require.NotZero(t, h.Stats().CachedSlots)
	runtime.GOMAXPROCS(1)
	h.Release(everything)
	require.Zero(t, h.Stats().CachedSlots)
	require.EqualValues(t, h.Stats().Metadata, h.Stats().Backed)
	closeEmpty(t, h)
}

// Nobody calls Release: the Ps that are left find the caches of those that are gone.
func TestAllocationEmptiesCachesOfVanishedProcs(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	h := newHeap(t)
	h.Free(alloc(t, h, 16<<20)) // so that it need not grow, and look for what is idle
	sizes := spread(t, h.AllocUninit, h.Free)
	for try := 0; try < 100 && len(cachedOf(h.Stats().Classes, sizes)) < len(sizes); try++ {
		spread(t, h.AllocUninit, h.Free) // a goroutine that changed its P has left a sampled block's slot to its span
	}
	require.Len(t, cachedOf(h.Stats().Classes, sizes), len(sizes))
	runtime.GOMAXPROCS(1)
	for range 64 << 20 / 5000 {
		h.Free(alloc(t, h, 5000))
	}
	require.Less(t, len(cachedOf(h.Stats().Classes, sizes)), len(sizes)-2, "classes with slots in caches")
	closeEmpty(t, h)
}

func init() {
	transitions = append(transitions,
		transition{"slot: Live to Away, by another P", 1, func(d *driver) bool {
			defer runtime.GOMAXPROCS(d.procs)
			return d.strand() > 0
		}},
		transition{"cache: full of slots when its P goes, emptied, and in use when the P is back", 1, func(d *driver) bool {
			defer runtime.GOMAXPROCS(d.procs)
			stranded := d.strand()
			d.heap.Release(everything)
			emptied := d.scannedSlots() == 0
			return stranded > 0 && emptied && d.strand() > 0
		}})
}

// strand leaves one P, and returns how many slots it found in the caches of others: objects of that P, freed
// by goroutines on several, that it does not come upon when it takes all that its magazine may hold. The others
// wait, since a sweep of theirs would take the slots to where the P finds them.
func (d *driver) strand() (stranded int) {
	d.turns.Lock()
	defer d.turns.Unlock()
	runtime.GOMAXPROCS(1)
	objects := d.scanned(64)
	runtime.GOMAXPROCS(max(d.procs, 4))
	var frees sync.WaitGroup
	var met atomic.Int32
	for part := range slices.Chunk(objects, len(objects)/2) {
		frees.Go(func() {
			met.Add(1)
			for spins := 0; met.Load() < 2 && spins < 1_000_000; spins++ { // both run: on different Ps
			}
			for _, x := range part {
				spanheap.Delete(x)
			}
		})
	}
	frees.Wait()
	runtime.GOMAXPROCS(1)
	taken := d.scanned(d.scannedSlots() + 1)
	taken = append(taken, d.scanned(d.scannedSlots()+1)...) // if the first came by a sweep of its own
	for _, x := range objects {
		if mheap.IsHeld(stateOf(x.bytes())) {
			stranded++
		}
	}
	for _, x := range taken {
		spanheap.Delete(x)
	}
	return stranded
}

// scanned allocates n objects of the driver's own class.
func (d *driver) scanned(n int) []*scanned {
	objects := make([]*scanned, n)
	for i := range objects {
		objects[i] = must(spanheap.New[scanned](d.heap))
	}
	return objects
}
