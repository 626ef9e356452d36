package mcache_test

import (
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// largeOf allocates a large block of n bytes that the cache owns.
func (r *rig) largeOf(c *mcache.Cache, n uintptr) block {
	r.t.Helper()
	b := block{n: n, class: mheap.LargeNoscan}
	span, _, _, err := r.AllocLarge(b.class, n, 0)
	require.NoError(r.t, err)
	require.True(r.t, mheap.FreeExactly(span.States(), mheap.Live))
	c.PushLarge(span.Base(), span.States(), span.Bytes(), n)
	c.BeginLarge(n)
	b.addr = c.PopLarge(n)
	require.Equal(r.t, span.Base(), b.addr)
	require.True(r.t, c.Owns(mheap.SlotState(span.States())))
	return b
}

// Large blocks that another cache frees than their own wait aside there, are counted as cached meanwhile, and are then kept
// by that cache, or go to the page heap.
func TestLargeBlocksOfAnotherCacheWaitAside(t *testing.T) {
	const n = 200 << 10
	r := newRig(t)
	own, other := r.leased(), r.leased()
	var bytes uint64
	for i := range 3 {
		b := r.largeOf(own, n)
		r.freeLeased(other, b)
		require.EqualValues(t, i+1, other.Aside())
		bytes += uint64(mheap.SpanOf(b.addr).Bytes())
		require.Equal(t, bytes, r.LargeUsage().CachedBytes)
		require.Zero(t, r.LargeUsage().Requested)
		r.verify(nil)
	}
	for other.Aside() < mcache.AsideSlots {
		r.freeAway(other, r.by(own, 64))
	}
	r.freeAway(other, r.by(own, 64)) // settles those that have waited
	require.Equal(t, bytes/3, r.LargeUsage().CachedBytes, "there is room for one")
	r.verify(nil)
	other.BeginLarge(n)
	addr := other.PopLarge(n)
	require.NotZero(t, addr)
	r.verify([]block{{addr, n, mheap.LargeNoscan}})
	r.freeLeased(own, block{addr, n, mheap.LargeNoscan})
	r.Return(other)
	r.Return(own)
	r.verify(nil)
	r.requireEmpty()
}

// With too many bytes aside all is settled after a while, without a wait for others.
func TestLargeBlocksAsideAreBounded(t *testing.T) {
	const n = mcache.MaxCachedLarge
	r := newRig(t)
	own, other := r.leased(), r.leased()
	for range 20 {
		b := r.largeOf(own, n)
		r.freeLeased(other, b)
		require.LessOrEqual(t, other.AsideBytes(), uintptr(mcache.AsideBytes+n))
	}
	r.verify(nil)
	r.Return(other)
	r.Return(own)
	r.requireEmpty()
}

// Where its own cache frees a large block that another cache has freed at the same moment, that one finds it out when
// it settles it, and the own cache has the object.
func TestALargeBlockThatTwoFreeIsFoundOut(t *testing.T) {
	const n = 64 << 10
	r := newRig(t)
	own, other := r.leased(), r.leased()
	b := r.largeOf(own, n)
	state, length := stateOf(b), mheap.SpanOf(b.addr).Bytes()
	r.freeLeased(other, b)
	own.PushLarge(b.addr, state, length, n) // which had seen it live
	r.Return(other)
	require.Equal(t, b.addr, r.Untold())
	require.EqualValues(t, length, r.LargeUsage().CachedBytes)
	r.verify(nil)
	r.Return(own)
	r.requireEmpty()
}

// Who cannot set the block aside waits.
func TestWhoAwaitsTheOwnerIsToldAtOnce(t *testing.T) {
	const n = 64 << 10
	r := newRig(t)
	own := r.leased()
	for _, overtaken := range []bool{false, true} {
		b := r.largeOf(own, n)
		state, length := stateOf(b), mheap.SpanOf(b.addr).Bytes()
		require.True(t, mheap.FreeSlot(state, mheap.Away))
		if overtaken {
			own.PushLarge(b.addr, state, length, n)
		}
		slot := mheap.Slot{Addr: b.addr, State: state}
		require.Equal(t, !overtaken, mcache.AwaitOwner(slot, b.class))
		if !overtaken {
			r.FreeLarge(mheap.SpanOf(b.addr), n)
		}
		r.verify(nil)
	}
	r.Return(own)
	r.requireEmpty()
}

// A block that its cache has disowned is nobody's, and other caches' blocks stay theirs.
func TestWhoOwnsALargeBlockCanDisownIt(t *testing.T) {
	r := newRig(t)
	own, other := r.leased(), r.leased()
	b := r.largeOf(own, 64<<10)
	state := stateOf(b)
	other.Disown(state)
	require.True(t, own.Owns(mheap.SlotState(state)))
	own.Disown(state)
	require.True(t, mheap.FreeExactly(state, mheap.Live))
	r.FreeLarge(mheap.SpanOf(b.addr), b.n)
	r.requireEmpty()
}
