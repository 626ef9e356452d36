package mcache_test

import (
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mheap"
)

// TestManyAllocateAndFreeAtOnce hands most blocks over: who frees a block is rarely who allocated it.
func TestManyAllocateAndFreeAtOnce(t *testing.T) {
	for _, n := range []int{1, 2, 8, 64} {
		t.Run(fmt.Sprint("procs=", n), func(t *testing.T) {
			procs(t, n)
			r := newRig(t)
			const workers = 12
			var exchange [200]atomic.Pointer[block]
			var owner sync.Map // first byte of a block -> true
			var working atomic.Int32
			working.Store(workers)
			give := func(b block) {
				owner.Delete(b.addr)
				if !r.free(b) {
					t.Errorf("%+v is not live", b)
				}
			}
			onProcs(workers+1, func(g int) {
				if g == workers {
					for i := 0; working.Load() > 0; i++ {
						runtime.GOMAXPROCS(max(1, n>>(i%3))) // some Ps come and go
						if i%4 == 0 {
							r.Drain()
						}
						r.heap.Release(1 << 16)
						runtime.Gosched()
					}
					return
				}
				defer working.Add(-1)
				random := rand.New(rand.NewPCG(uint64(g), uint64(n)))
				for range 4000 {
					b, err := r.alloc(draw(random))
					if err != nil {
						t.Error(err)
						return
					}
					if _, taken := owner.LoadOrStore(b.addr, true); taken {
						t.Errorf("%+v was handed out twice", b)
						return
					}
					if other := exchange[random.IntN(len(exchange))].Swap(&b); other != nil {
						give(*other)
					}
				}
			})
			var live []block
			for i := range exchange {
				if b := exchange[i].Load(); b != nil {
					live = append(live, *b)
				}
			}
			r.verify(live)
			for _, b := range live {
				give(b)
			}
			r.requireEmpty()
		})
	}
}

func TestOneBlockIsFreedByOneOfMany(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	for _, class := range []mheap.SpanClass{noscan(64), mheap.Tiny, mheap.LargeNoscan} {
		for range 200 {
			b := r.mustAlloc(class, 7)
			keep := r.mustAlloc(class, 7)
			var freed atomic.Int32
			found := r.DoubleFrees()
			onProcs(4, func(int) {
				if r.free(b) {
					freed.Add(1)
				}
			})
			r.Drain() // settles what is aside
			if found = r.DoubleFrees() - found; freed.Load()-int32(found) != 1 {
				t.Fatalf("%+v was freed %d times, %d of them found out later", b, freed.Load(), found)
			}
			r.mustFree(keep)
		}
	}
	r.requireEmpty()
}

func TestManyFirstUsersAtOnce(t *testing.T) {
	procs(t, 8)
	for range 10 {
		r := newRig(t)
		blocks := make([]block, 500)
		onProcs(len(blocks), func(g int) {
			b, err := r.alloc(noscan(100), 100)
			if err != nil {
				t.Error(err)
			}
			blocks[g] = b
		})
		r.verify(blocks)
		if n := len(r.Hoards()); n > 8 {
			t.Fatalf("%d caches", n)
		}
		for _, b := range blocks {
			r.mustFree(b)
		}
		r.requireEmpty()
	}
}
