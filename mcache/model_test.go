package mcache_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// draw is a random block to ask for: mostly small, of either kind, some tiny and some large.
func draw(random *rand.Rand) (class mheap.SpanClass, n uintptr) {
	switch random.IntN(20) {
	case 0, 1, 2:
		return mheap.Tiny, 1 + uintptr(random.IntN(mheap.TinyMax))
	case 3:
		return mheap.ClassOf(0, random.IntN(2) == 0), sizeclass.MaxSmall + 1 + uintptr(random.IntN(200_000))
	}
	n = 1 + uintptr(random.IntN(1<<(3+random.IntN(13))))
	n = min(n, sizeclass.MaxSmall)
	return mheap.Small(n, random.IntN(3) > 0), n
}

// ground tells which bytes are whose. Blocks begin and end at multiples of four.
type ground map[uintptr]bool

func (g ground) take(t testing.TB, b block) {
	t.Helper()
	for p := b.addr; p < b.addr+min(b.bytes(), 4096); p += 4 {
		if g[p] {
			require.FailNow(t, "blocks overlap", "%+v at %#x", b, p)
		}
		g[p] = true
	}
}

func (g ground) give(b block) {
	for p := b.addr; p < b.addr+min(b.bytes(), 4096); p += 4 {
		delete(g, p)
	}
}

func TestBlocksAgainstAModel(t *testing.T) {
	for seed := range uint64(2) {
		r := newRig(t)
		random := rand.New(rand.NewPCG(seed, 1))
		owned := ground{}
		var live []block
		for step := range 5000 {
			if len(live) > 0 && random.IntN(100) < 20+step/100 {
				i := random.IntN(len(live))
				b := live[i]
				live[i] = live[len(live)-1]
				live = live[:len(live)-1]
				owned.give(b)
				r.mustFree(b)
				require.False(t, r.free(b), "a second time")
			} else {
				class, n := draw(random)
				b := r.mustAlloc(class, n)
				require.GreaterOrEqual(t, b.bytes(), n)
				require.Equal(t, class, mheap.SpanOf(b.addr).Class())
				owned.take(t, b)
				live = append(live, b)
			}
			switch {
			case step%500 == 0:
				r.verify(live)
			case step%1777 == 0:
				r.Drain()
				r.verify(live)
			}
		}
		for _, b := range live {
			r.mustFree(b)
		}
		r.verify(nil)
		r.requireEmpty()
	}
}

func TestASecondFreeIsSeenWhereverTheSlotLies(t *testing.T) {
	r := newRig(t)
	for _, class := range []mheap.SpanClass{noscan(64), noscan(32768), mheap.ClassOf(5, false), mheap.Tiny} {
		n := min(uintptr(4), class.Layout().Bytes)
		b := r.mustAlloc(class, n)
		keep := r.mustAlloc(class, n) // the span stays in use
		r.mustFree(b)
		require.False(t, r.free(b), "in a cache")
		r.Drain()
		require.False(t, r.free(b), "in its span")
		r.mustFree(keep)
	}
	b := r.mustAlloc(mheap.LargeNoscan, 100_000)
	r.mustFree(b)
	require.False(t, r.free(b), "a large object that a cache keeps")
	r.requireEmpty()
}

// On one P what is freed is what the next allocation gets.
func TestTheSlotFreedLastIsUsedNext(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	for _, class := range []mheap.SpanClass{noscan(64), noscan(32768)} {
		b := r.mustAlloc(class, 8)
		for range 100 {
			r.mustFree(b)
			again := r.mustAlloc(class, 8)
			require.Equal(t, b.addr, again.addr)
		}
		r.mustFree(b)
	}
	b := r.mustAlloc(mheap.LargeNoscan, 100_000)
	calls := r.heap.Usage()
	for range 100 {
		r.mustFree(b)
		require.Equal(t, b.addr, r.mustAlloc(mheap.LargeNoscan, 100_000).addr)
		require.Equal(t, calls, r.heap.Usage())
	}
	r.mustFree(b)
	r.requireEmpty()
}
