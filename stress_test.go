package spanheap_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// The stress harness: goroutines allocate blocks of all sizes, fill each with a pattern of its own, hand
// them to each other through a thousand exchange slots, and check the pattern when they free one. Blocks
// in the slots outlive the goroutines that made them, into the next generation.
func TestStress(t *testing.T) {
	const operations = 40_000
	for _, workers := range []int{1, 2, 4, 64} {
		t.Run(fmt.Sprint(workers), func(t *testing.T) {
			s := stress{heap: newHeap(t)}
			for generation := range 3 {
				var wg sync.WaitGroup
				for w := range workers {
					wg.Go(func() {
						r := rand.New(rand.NewPCG(uint64(generation), uint64(w)))
						if err := s.work(r, loops(operations)/3/workers, uint64(generation*workers+w)); err != nil {
							t.Error(err)
						}
					})
				}
				wg.Wait()
				require.NoError(t, s.heap.Verify())
			}
			require.NoError(t, s.clear())
			closeEmpty(t, s.heap)
		})
	}
}

type stress struct {
	heap  *spanheap.Heap
	slots [1000]atomic.Pointer[tenant]
}

func (s *stress) work(r *rand.Rand, operations int, worker uint64) error {
	own := make([]tenant, 0, 100)
	for i := range operations {
		var err error
		switch k := r.IntN(10); {
		case k < 5 || len(own) == 0:
			var x tenant
			if x, err = s.move(r, worker<<32|uint64(i)); err == nil {
				own = append(own, x)
			}
		case k < 8:
			x := own[len(own)-1]
			own = own[:len(own)-1]
			if y := s.slots[r.IntN(len(s.slots))].Swap(&x); y != nil {
				err = s.free(r, *y)
			}
		default:
			x := own[r.IntN(len(own))]
			last := len(own) - 1
			for j := range own {
				if addressOf(own[j].bytes) == addressOf(x.bytes) {
					own[j] = own[last]
					break
				}
			}
			own = own[:last]
			err = s.free(r, x)
		}
		if err != nil {
			return err
		}
		if i%50 == 0 {
			runtime.Gosched() // perhaps to another P
		}
	}
	for _, x := range own {
		if err := s.free(r, x); err != nil {
			return err
		}
	}
	return nil
}

// move makes a block of up to 64 KiB, or now and then of a hundred times that, in one of the ways there
// are.
func (s *stress) move(r *rand.Rand, mark uint64) (tenant, error) {
	n := 1 + logUniform(r, 16)
	if r.IntN(100) == 0 {
		n *= 100
	}
	var b []byte
	var err error
	switch r.IntN(8) {
	case 0:
		if b, err = s.heap.Alloc(n); err == nil {
			for i, c := range b {
				if c != 0 {
					return tenant{}, fmt.Errorf("byte %d of %d is %#x, not 0", i, n, c)
				}
			}
		}
	case 1:
		b, err = s.heap.AllocAligned(n, 1<<r.IntN(15))
	case 2:
		if b, err = s.heap.AllocUninit(1 + n/3); err == nil {
			b, err = s.heap.Realloc(b, n)
		}
	default:
		b, err = s.heap.AllocUninit(n)
	}
	if err != nil {
		return tenant{}, err
	}
	return movedIn(b, mark), nil
}

func (s *stress) free(r *rand.Rand, x tenant) error {
	if err := x.intact(); err != nil {
		return err
	}
	if r.IntN(2) == 0 {
		s.heap.Free(x.bytes)
	} else {
		spanheap.Free(x.bytes[:len(x.bytes)/2])
	}
	return nil
}

func (s *stress) clear() error {
	r := rand.New(rand.NewPCG(0, 0))
	for i := range s.slots {
		if x := s.slots[i].Load(); x != nil {
			if err := s.free(r, *x); err != nil {
				return err
			}
		}
	}
	return nil
}

// Caches are emptied by Release, and all figures read and recounted, while others allocate and free.
func TestStressUnderReleaseAndStats(t *testing.T) {
	s := stress{heap: newHeap(t)}
	var workers, watchers sync.WaitGroup
	var done atomic.Bool
	for w := range 4 {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(7, uint64(w)))
			if err := s.work(r, loops(15_000), uint64(w)); err != nil {
				t.Error(err)
			}
		})
	}
	watchers.Go(func() {
		for n := 1; !done.Load(); n = n * 3 % (1 << 24) {
			s.heap.Release(n)
			runtime.Gosched()
		}
	})
	watchers.Go(func() {
		for !done.Load() {
			if err := plausible(s.heap.Stats()); err != nil {
				t.Error(err)
				return
			}
			_ = s.heap.Verify() // what it counts may change under it; it must not break
			runtime.Gosched()
		}
	})
	workers.Wait()
	done.Store(true)
	watchers.Wait()
	require.NoError(t, s.clear())
	closeEmpty(t, s.heap)
}

// Thousands of goroutines that come upon a new heap at once.
func TestManyFirstUsers(t *testing.T) {
	h := newHeap(t)
	var start, wg sync.WaitGroup
	start.Add(1)
	users := loops(5000)
	for i := range users {
		wg.Go(func() {
			start.Wait()
			b, err := h.AllocUninit(1 + i%3000)
			if err != nil {
				t.Error(err)
				return
			}
			x := movedIn(b, uint64(i))
			runtime.Gosched()
			if err := x.intact(); err != nil {
				t.Error(err)
			}
			h.Free(b)
		})
	}
	start.Done()
	wg.Wait()
	require.EqualValues(t, users, h.Stats().Mallocs)
	closeEmpty(t, h)
}

// Where a caller's stack lies is no concern of the heap's.
func TestStackOfAnyDepth(t *testing.T) {
	h := newHeap(t)
	for depth := range 80 {
		elsewhere(func() { descend(depth, func() { exercise(t, h) }) })
	}
	closeEmpty(t, h)
}

// descend calls f from that many frames further down.
//
//go:noinline
func descend(depth int, f func()) byte {
	var frame [128]byte
	if depth == 0 {
		f()
		return frame[0]
	}
	frame[depth%len(frame)] = descend(depth-1, f)
	return frame[0]
}

// exercise takes every kind of block out of a heap whose caches are empty, and gives it back.
func exercise(t *testing.T, h *spanheap.Heap) {
	var tenants []tenant
	for i, n := range []int{3, 8, 3, 700, 700, 700, 20_000, 50_000, 300_000} {
		b, err := h.AllocUninit(n)
		if err != nil {
			t.Error(err)
			return
		}
		tenants = append(tenants, movedIn(b, uint64(i)))
	}
	for _, x := range tenants {
		if err := x.intact(); err != nil {
			t.Error(err)
		}
		h.Free(x.bytes)
	}
	h.Release(everything)
}
