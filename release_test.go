package spanheap_test

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestReleaseOfNothing(t *testing.T) {
	h := newHeap(t)
	require.Zero(t, h.Release(everything), "an empty heap has nothing")
	b := dirty(t, h, 1<<20)
	for _, n := range []int{0, -1, -everything} {
		before := h.Stats()
		require.Zero(t, h.Release(n))
		require.Equal(t, before, h.Stats())
	}
	h.Free(b)
	closeEmpty(t, h)
}

// Release says what it did, and does no more than it was asked for but to save cutting a span up.
func TestReleaseGivesWhatItSays(t *testing.T) {
	h := newHeap(t)
	for range 2 {
		var blocks [][]byte
		for range 20 {
			blocks = append(blocks, dirty(t, h, 500_000))
		}
		for _, b := range blocks {
			h.Free(b)
		}
		for _, n := range []int{1, 100_000, 1 << 20, 3 << 20} {
			before := h.Stats()
			released := h.Release(n)
			s := h.Stats()
			require.GreaterOrEqual(t, released, n)
			require.Less(t, released, n+256<<10)
			require.EqualValues(t, released, s.Released-before.Released)
			require.EqualValues(t, released, before.FreePages-s.FreePages)
			require.NoError(t, h.Verify())
		}
		before := h.Stats()
		require.EqualValues(t, before.FreePages, h.Release(everything), "all there is")
		require.Zero(t, h.Release(everything), "and no more")
		require.EqualValues(t, h.Stats().Metadata, h.Stats().Backed)
		require.NoError(t, h.Verify())
	}
	closeEmpty(t, h)
}

// What caches hold is collected, if the free pages are not enough.
func TestReleaseCollectsCaches(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{3, 8, 100, 5000, 32 << 10, 50_000} {
		var blocks [][]byte
		for range 300 {
			blocks = append(blocks, dirty(t, h, n))
		}
		for _, b := range blocks {
			h.Free(b)
		}
		held := h.Stats()
		if n <= 32<<10 { // a large object need not be kept
			require.NotZero(t, held.CachedSlots+held.CentralSlots)
		}
		free := held.FreePages + held.CachedSlots + held.CentralSlots + held.SpanTail + held.Rounding
		require.EqualValues(t, free, h.Release(everything))
		s := h.Stats()
		require.Zero(t, s.CachedSlots)
		require.Zero(t, s.CentralSlots)
		require.Zero(t, s.Spans)
		require.Empty(t, s.Classes)
		require.NoError(t, h.Verify())
	}
	closeEmpty(t, h)
}

func TestReleaseLeavesLiveBlocks(t *testing.T) {
	h := newHeap(t)
	var kept []tenant
	var freed [][]byte
	for i, n := range append(edges(), edges()...) {
		if i%2 == 0 {
			kept = append(kept, movedIn(alloc(t, h, n), 1))
		} else {
			freed = append(freed, dirty(t, h, n))
		}
	}
	for _, b := range freed {
		h.Free(b)
	}
	live := h.Stats().Live
	require.NotZero(t, h.Release(everything))
	require.Equal(t, live, h.Stats().Live)
	require.NoError(t, h.Verify())
	for _, x := range kept {
		require.NoError(t, x.intact())
		h.Free(x.bytes)
	}
	closeEmpty(t, h)
}

// Memory that was given back is there again when it is asked for, and reads zero.
func TestMemoryComesBackZeroed(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{100, 32 << 10, 200_000, 5 << 20} {
		for range 3 {
			b := dirty(t, h, n)
			h.Free(b)
			h.Release(everything)
			require.Zero(t, h.Stats().FreePages)
			c := alloc(t, h, n)
			requireZeroed(t, c)
			x := movedIn(c, 1)
			require.NoError(t, x.intact())
			h.Free(c)
		}
	}
	closeEmpty(t, h)
}
