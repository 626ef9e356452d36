package mcache_test

import (
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// hoard makes the caches of some Ps hold slots of every kind, and returns what is live still.
func (r *rig) hoard(goroutines int) (live []block) {
	var mu sync.Mutex
	onProcs(goroutines, func(g int) {
		random := rand.New(rand.NewPCG(uint64(g), 9))
		var mine []block
		for range 400 {
			b, err := r.alloc(draw(random))
			if err != nil {
				r.t.Error(err)
				return
			}
			mine = append(mine, b)
		}
		for _, b := range mine[20:] {
			if !r.free(b) {
				r.t.Errorf("%+v is not live", b)
			}
		}
		mu.Lock()
		live = append(live, mine[:20]...)
		mu.Unlock()
	})
	return live
}

func TestDrainGivesBackWhatCachesReport(t *testing.T) {
	r := newRig(t)
	live := r.hoard(4)
	r.verify(live)
	type where struct{ live, bytes uint64 }
	var before [mheap.NumSpanClasses]where
	held := uint64(0)
	for class := mheap.LargeNoscan + 1; int(class) < mheap.NumSpanClasses; class++ {
		u := r.Usage(class)
		before[class] = where{u.Live, u.Bytes}
		held += u.InCaches
	}
	require.NotZero(t, held)
	require.NotZero(t, r.LargeUsage().CachedBytes)
	// Only spans with a live block stay, so that slots are drained and not their spans with them.
	spans := map[mheap.SpanClass]map[*mheap.Span]bool{}
	for _, b := range live {
		if spans[b.class] == nil {
			spans[b.class] = map[*mheap.Span]bool{}
		}
		spans[b.class][mheap.SpanOf(b.addr)] = true
	}
	pages := r.heap.Usage()

	r.Drain()
	r.verify(live)
	freed := uint64(0)
	for class := mheap.LargeNoscan + 1; int(class) < mheap.NumSpanClasses; class++ {
		u := r.Usage(class)
		require.Zero(t, u.InCaches)
		require.Equal(t, before[class].live, u.Live)
		require.Equal(t, u.Slots, u.InSpans+u.Live)
		freed += before[class].bytes - u.Bytes
		if !class.Large() {
			require.EqualValues(t, len(spans[class]), u.Spans, "class %d", class)
		}
	}
	freed += pages.LargeBytes - r.heap.Usage().LargeBytes
	require.Zero(t, r.LargeUsage().CachedBytes)
	require.Equal(t, freed, r.heap.Usage().FreePages-pages.FreePages)

	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

func TestDrainingAnEmptySet(t *testing.T) {
	r := newRig(t)
	r.Drain()
	r.requireEmpty()
	require.Empty(t, r.Hoards(), "no cache before the first block")
}

func TestDrainWhileOthersAreAtWork(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	var working atomic.Int32
	var mu sync.Mutex
	var live []block
	const workers = 4
	working.Store(workers)
	onProcs(workers+1, func(g int) {
		if g == workers {
			for working.Load() > 0 {
				r.Drain()
				runtime.Gosched()
			}
			return
		}
		defer working.Add(-1)
		random := rand.New(rand.NewPCG(uint64(g), 4))
		var mine []block
		for range 4000 {
			if len(mine) > 0 && random.IntN(2) == 0 {
				i := random.IntN(len(mine))
				if !r.free(mine[i]) {
					t.Errorf("%+v is not live", mine[i])
				}
				mine[i] = mine[len(mine)-1]
				mine = mine[:len(mine)-1]
				continue
			}
			b, err := r.alloc(draw(random))
			if err != nil {
				t.Error(err)
				return
			}
			mine = append(mine, b)
		}
		mu.Lock()
		live = append(live, mine...)
		mu.Unlock()
	})
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// TestEveryUseIsSeen: a cache that its owner uses looks different to every tick, so that it is not
// taken for idle.
func TestEveryUseIsSeen(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	class := noscan(48)
	b := r.mustAlloc(class, 48)
	r.mustAlloc(class, 48)

	c := r.Enter(mcache.Pin())
	before := c.Look()
	popped := c.Pop(class, 48)
	after := c.Look()
	r.Leave(c)
	require.NotZero(t, popped)
	require.NotEqual(t, before, after, "an allocation")

	state, _ := mheap.EntryOf(b.addr).Slot(b.addr)
	require.True(t, mheap.FreeSlot(state, mheap.Away))
	c = r.Enter(mcache.Pin())
	before = c.Look()
	c.Push(class, b.addr, state, 48)
	after = c.Look()
	r.Leave(c)
	require.NotEqual(t, before, after, "a free")

	c = r.Enter(mcache.Pin())
	before = c.Look()
	r.Leave(c)
	r.mustFree(r.mustAlloc(class, 48))
	c = r.Enter(mcache.Pin())
	after = c.Look()
	r.Leave(c)
	require.NotEqual(t, before, after, "a block that came and went")
}

func TestLeasedCaches(t *testing.T) {
	r := newRig(t)
	own, err := r.Lease()
	require.NoError(t, err)
	other, err := r.Lease()
	require.NoError(t, err)
	require.NotSame(t, own, other)
	var live []block
	for range 100 {
		live = append(live, r.allocLeased(own, noscan(64), 64), r.allocLeased(own, mheap.Tiny, 3))
	}
	require.Empty(t, len(r.Hoards()), "no other cache is in use")
	r.verify(live)
	for _, b := range live[:100] {
		r.freeLeased(own, b)
	}
	live = live[100:]
	r.verify(live)
	r.Drain()
	require.NotZero(t, r.Usage(noscan(64)).InCaches, "nobody else empties it")
	r.verify(live)

	r.Return(own)
	require.Zero(t, r.Usage(noscan(64)).InCaches)
	r.verify(live)
	again, err := r.Lease()
	require.NoError(t, err)
	require.Same(t, own, again)
	r.Return(again)
	r.Return(other)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

func TestAClosedSetGivesNothing(t *testing.T) {
	r := newRig(t)
	var blocks []block
	for range 1000 {
		blocks = append(blocks, r.mustAlloc(noscan(1024), 1024), r.mustAlloc(noscan(8192), 8192))
	}
	for _, b := range blocks {
		r.mustFree(b) // more than magazines take
	}
	own, err := r.Lease()
	require.NoError(t, err)
	r.Close()
	require.NotPanics(t, func() { r.Return(own) })
	_, err = r.Lease()
	require.ErrorIs(t, err, mheap.ErrClosed)
	c := r.Enter(mcache.Pin())
	r.Leave(c)
	require.Same(t, mcache.Nobody(), c)
	r.heap.Close()
	require.NotPanics(t, func() {
		_, err = r.alloc(noscan(1024), 1024)
		require.Error(t, err)
		_, err = r.alloc(mheap.LargeNoscan, 100_000)
		require.Error(t, err)
		r.Drain()
	})
}
