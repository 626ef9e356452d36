package mcache_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// freeBy frees a block by c, whoever owns it.
func (r *rig) freeBy(c *mcache.Cache, b block) {
	r.t.Helper()
	state := stateOf(b)
	switch {
	case !c.Owns(mheap.SlotState(state)):
		r.freeAway(c, b)
	case c.HasRoom(b.class):
		c.Push(b.class, b.addr, state, b.n)
	default:
		r.freeLeased(c, b)
	}
}

// saveUp allocates and frees so much by c that it may send home many slots of the class of n bytes.
func (r *rig) saveUp(c *mcache.Cache, n uintptr, slots int) {
	r.t.Helper()
	for range slots * mcache.HomeShare {
		r.freeBy(c, r.by(c, n))
	}
}

// Blocks of two caches lie on the same spans, as they do when one goroutine has filled the tables of both, or two have
// changed their Ps. When each has been replaced a few times, no span has blocks of both.
func TestBlocksOfTwoCachesComeApart(t *testing.T) {
	const blocks, turns = 3000, 3
	for _, n := range []uintptr{64, 1024, 4096} {
		r := newRig(t)
		caches := []*mcache.Cache{r.leased(), r.leased()}
		var live [2][]block
		for i := range 2 * blocks {
			live[i%2] = append(live[i%2], r.by(caches[0], n))
		}
		r.saveUp(caches[1], n, 2*blocks)
		for range turns {
			for i := range blocks {
				for who, c := range caches {
					r.freeBy(c, live[who][i])
					live[who][i] = r.by(c, n)
				}
			}
		}
		var on [2]map[*mheap.Span]bool
		for who := range live {
			on[who] = map[*mheap.Span]bool{}
			for _, b := range live[who] {
				on[who][mheap.SpanOf(b.addr)] = true
			}
		}
		shared := 0
		for s := range on[0] {
			if on[1][s] {
				shared++
			}
		}
		require.LessOrEqual(t, shared, len(on[0])/20, "spans with blocks of both, of %d bytes", n)
		r.verify(append(live[0], live[1]...))
	}
}

// Who only frees what another allocates keeps it, for others to have by the central.
func TestWhoAllocatesNothingSendsNothingHome(t *testing.T) {
	r := newRig(t)
	producer, consumer := r.leased(), r.leased()
	for range 20 * mcache.AsideSlots {
		r.freeAway(consumer, r.by(producer, 64))
		require.Zero(t, consumer.Homing())
		require.Zero(t, r.InMails(noscan(64)))
	}
	r.verify(nil)
}

// A cache with a block on a span of its own, and another that frees many of its blocks and may send them home.
func (r *rig) sender(n uintptr, blocks int) (home, other *mcache.Cache, live []block) {
	r.t.Helper()
	home, other = r.leased(), r.leased()
	for range blocks {
		live = append(live, r.by(home, n))
	}
	r.saveUp(other, n, blocks)
	return home, other, live
}

// useUpMetadata leaves no room for records, until the system refuses no more.
func (r *rig) useUpMetadata() {
	r.metadata.Refuse(func(arenatest.Call) bool { return true })
	for n := uintptr(4096); n > 0; n /= 2 {
		for {
			if _, err := r.heap.Meta().Alloc(n); err != nil {
				break
			}
		}
	}
}

func TestMailGoesWhereItsCacheIsAtWork(t *testing.T) {
	const blocks = 4 * mcache.AsideSlots
	for name, c := range map[string]struct {
		before         func(r *rig, home *mcache.Cache)
		atWork, mailed bool
	}{
		"at work":             {func(*rig, *mcache.Cache) {}, true, true},
		"no memory for a box": {func(r *rig, _ *mcache.Cache) { r.useUpMetadata() }, true, false},
		"returned":            {func(r *rig, home *mcache.Cache) { r.Return(home) }, false, false},
		"leased once more, and not yet used": {func(r *rig, home *mcache.Cache) {
			r.Return(home)
			require.Same(r.t, home, r.leased())
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			home, other, live := r.sender(64, blocks)
			keep := r.by(home, 64)
			c.before(r, home)
			require.Equal(t, c.atWork, r.IsAtWork(home))
			mailed := false
			for _, b := range live {
				r.freeAway(other, b)
				mailed = mailed || r.InMails(b.class) > 0
				require.LessOrEqual(t, r.InMails(noscan(64)), uintptr(mcache.BoxSlots))
			}
			require.Equal(t, c.mailed, mailed)
			r.verify([]block{keep})
			r.metadata.Refuse(nil)
			r.freeAway(other, keep)
			r.Return(other)
			r.verify(nil)
			if c.atWork {
				r.Return(home)
			}
			require.False(t, r.IsAtWork(home))
			require.Zero(t, r.InMails(noscan(64)))
			r.requireEmpty()
		})
	}
}

// What others sent home is what the cache uses next when it has none at hand.
func TestMailIsUsedBeforeASpan(t *testing.T) {
	r := newRig(t)
	home, other, live := r.sender(64, 4*mcache.AsideSlots)
	for i := 0; r.InMails(noscan(64)) == 0; i++ {
		r.freeAway(other, live[i])
	}
	sent := map[uintptr]bool{}
	for _, b := range live {
		if mheap.SlotState(stateOf(b)) == mheap.Held {
			sent[b.addr] = true
		}
	}
	var got int
	for range 2 * mcache.BoxSlots {
		if sent[r.by(home, 64).addr] {
			got++
		}
	}
	require.GreaterOrEqual(t, got, mcache.HomingSlots)
	require.Zero(t, r.InMails(noscan(64)))
}

// The mail of a P that does nothing is closed with its cache, whether or not that holds anything.
func TestAnIdlePIsNotAtWork(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	b := r.mustAlloc(noscan(64), 64)
	c := r.Enter(mcache.Pin())
	r.Leave(c)
	require.True(t, r.IsAtWork(c))
	r.Rest() // sees what was used
	r.Rest()
	require.False(t, r.IsAtWork(c))
	r.mustFree(b)
	for range 4 * mcache.AsideSlots {
		b = r.mustAlloc(noscan(64), 64)
	}
	require.True(t, r.IsAtWork(c))
	r.Park()
	require.False(t, r.IsAtWork(c))
}
