package mcache_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// leased returns a cache of the test's own.
func (r *rig) leased() *mcache.Cache {
	r.t.Helper()
	c, err := r.Lease()
	require.NoError(r.t, err)
	return c
}

// by allocates a block in the cache.
func (r *rig) by(c *mcache.Cache, n uintptr) block {
	r.t.Helper()
	b := block{n: n, class: noscan(n)}
	var err error
	if b.addr = c.Pop(b.class, n); b.addr == 0 {
		b.addr, _, err = r.Alloc(c, b.class, n)
		require.NoError(r.t, err)
	}
	return b
}

func stateOf(b block) uintptr {
	state, _ := mheap.EntryOf(b.addr).Slot(b.addr)
	return state
}

// freeAway frees a block by c, which does not own it.
func (r *rig) freeAway(c *mcache.Cache, b block) {
	r.t.Helper()
	if state := stateOf(b); c.HasRoomAside() {
		require.True(r.t, c.FreeAside(state))
		c.PutAside(b.class, b.addr, state, b.n)
	} else {
		r.freeLeased(c, b)
	}
}

// A block is freed by its own cache, which saw it live, and by another before the own cache's store. Wherever the slot
// is by the time that the other settles what it set aside, the slot is had once, and the block is found out.
func TestABlockThatTwoFreeIsFoundOut(t *testing.T) {
	for name, c := range map[string]struct {
		meanwhile func(r *rig, own *mcache.Cache, b block)
		live      bool // what lies there now
	}{
		"the own cache has it":           {func(*rig, *mcache.Cache, block) {}, false},
		"the own cache handed it out":    {func(r *rig, own *mcache.Cache, b block) { require.Equal(r.t, b, r.by(own, b.n)) }, true},
		"the span has it, and has ended": {func(r *rig, own *mcache.Cache, _ block) { r.Return(own); r.Drain() }, false},
		"a third cache freed it, and has it aside": {func(r *rig, own *mcache.Cache, b block) {
			require.Equal(r.t, b, r.by(own, b.n))
			third := r.leased()
			require.True(r.t, third.FreeAside(stateOf(b)))
			third.PutAside(b.class, b.addr, stateOf(b), b.n)
		}, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			own, other := r.leased(), r.leased()
			b := r.by(own, 100)
			state := stateOf(b)
			require.True(t, own.Owns(mheap.SlotState(state)))
			require.False(t, other.Owns(mheap.SlotState(state)))
			require.True(t, other.FreeAside(state))
			require.False(t, other.FreeAside(state), "of those who do not own it one frees it")
			other.PutAside(b.class, b.addr, state, b.n)
			own.Push(b.class, b.addr, state, b.n)
			c.meanwhile(r, own, b)
			require.False(t, r.HasUntold())

			r.Return(other)
			require.EqualValues(t, 1, r.DoubleFrees())
			require.Equal(t, b.addr, r.Untold())
			require.Zero(t, r.Untold(), "it is told once")
			var live []block
			if c.live {
				live = []block{b}
			}
			r.verify(live)
		})
	}
}

// What a cache frees and does not own waits until asideWait others were freed, and is used then.
func TestSlotsSetAsideAreUsedWhenTheyHaveWaited(t *testing.T) {
	r := newRig(t)
	own, other := r.leased(), r.leased()
	var blocks []block
	for range 3 * mcache.AsideSlots {
		blocks = append(blocks, r.by(own, 64))
	}
	waits := func(b block) bool { return mheap.SlotState(stateOf(b)) == mheap.AwayOf(2) }
	for i, b := range blocks {
		r.freeAway(other, b)
		for k := max(0, i-mcache.AsideSlots/2+1); k <= i; k++ {
			require.True(t, waits(blocks[k]), "%d of %d", k, i)
		}
		if i >= mcache.AsideSlots {
			require.False(t, waits(blocks[i-mcache.AsideSlots]))
		}
	}
	r.verify(nil)
	require.Zero(t, r.DoubleFrees())
	r.Return(other)
	r.Return(own)
	r.requireEmpty()
}

// Of large slots fewer wait than there are places for, and they wait for a time.
func TestFewLargeSlotsAreSetAside(t *testing.T) {
	looks := 0
	t.Cleanup(mcache.SetClock(func() time.Duration { looks++; return time.Duration(looks) * 100 }))
	r := newRig(t)
	own, other := r.leased(), r.leased()
	const n = 32 << 10
	var blocks []block
	for i := range 300 {
		blocks = append(blocks, r.by(own, max(64, n*uintptr(min(1, i/50)))))
	}
	for _, b := range blocks {
		before, waiting := looks, other.Aside()
		r.freeAway(other, b)
		require.LessOrEqual(t, other.AsideBytes(), uintptr(mcache.AsideBytes+n))
		if other.Aside() <= waiting && b.n == n {
			require.GreaterOrEqual(t, looks-before, 10, "a microsecond")
		}
	}
	r.verify(nil)
	require.Zero(t, r.DoubleFrees())
	r.Return(other)
	r.Return(own)
	r.requireEmpty()
}

// Caches beyond those that have a number own nothing, and free by the swap.
func TestCachesWithoutANumberOwnNothing(t *testing.T) {
	r := newRig(t)
	procs(t, 3)
	for range mheap.MaxOwner - runtime.GOMAXPROCS(0) {
		b := r.by(r.leased(), 64)
		require.True(t, mheap.Owned(mheap.SlotState(stateOf(b))))
	}
	last := r.leased()
	require.True(t, mheap.Owned(mheap.SlotState(stateOf(r.mustAlloc(noscan(64), 64)))), "the Ps have some left")
	b := r.by(last, 64)
	require.Equal(t, mheap.Live, mheap.SlotState(stateOf(b)))
	require.False(t, last.Owns(mheap.Live))
	require.True(t, last.FreeAside(stateOf(b)))
	last.PutAside(b.class, b.addr, stateOf(b), b.n)
	r.Return(last)
	require.Zero(t, r.DoubleFrees())
}

// Where the clock stands, as it does in a bubble of testing/synctest, what waits is given back all the same.
func TestSlotsAsideAreGivenBackWhereTheClockStands(t *testing.T) {
	t.Cleanup(mcache.SetClock(func() time.Duration { return 0 }))
	r := newRig(t)
	own, other := r.leased(), r.leased()
	b := r.by(own, 64)
	require.True(t, other.FreeAside(stateOf(b)))
	other.PutAside(b.class, b.addr, stateOf(b), b.n)
	r.Return(other)
	r.Return(own)
	r.requireEmpty()
}
