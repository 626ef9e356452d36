package mheap_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// fillEighths allocates spans of an eighth of an arena each.
func (r *rig) fillEighths(n int) (spans []*mheap.Span) {
	for range n {
		spans = append(spans, r.alloc(mheap.PagesPerArena/8))
	}
	return spans
}

func TestDenseArenasAreAdvisedUntilTheyAreSparse(t *testing.T) {
	r := newRig(t, 4<<10)
	r.UseHugePages(mheap.HugeOn)
	spans := r.fillEighths(6)
	require.Zero(t, r.system.Calls(arenatest.Advise))
	spans = append(spans, r.fillEighths(2)...)
	require.Equal(t, 1, r.system.Calls(arenatest.Advise))
	require.EqualValues(t, arena.Size, r.Usage().HugeAsked)
	r.verify()

	for _, s := range spans[:3] {
		r.Free(s)
	}
	require.Equal(t, 1, r.system.Calls(arenatest.Advise), "neither dense nor sparse: as it was")
	require.True(t, r.Shorten(spans[3], 1))
	r.Free(spans[4])
	require.Equal(t, 2, r.system.Calls(arenatest.Advise))
	require.Zero(t, r.Usage().HugeAsked)
	r.verify()

	_, err := r.Extend(spans[3], mheap.PagesPerArena/4)
	require.NoError(t, err)
	r.alloc(mheap.PagesPerArena / 8 * 3)
	require.Equal(t, 3, r.system.Calls(arenatest.Advise), "dense again")
	r.verify()
}

func TestRefusedAdviceIsAskedForAgain(t *testing.T) {
	r := newRig(t, 4<<10)
	r.UseHugePages(mheap.HugeOn)
	r.system.Refuse(arenatest.From(arenatest.Advise, 1))
	spans := r.fillEighths(8)
	require.Equal(t, 1, r.system.Calls(arenatest.Advise))
	require.Zero(t, r.Usage().HugeAsked)
	r.verify()
	r.system.Refuse(nil)
	for _, s := range spans[:4] {
		r.Free(s)
	}
	r.fillEighths(4)
	require.EqualValues(t, arena.Size, r.Usage().HugeAsked)
	r.verify()
}

func TestStretchesWhollyInUseAreCollapsed(t *testing.T) {
	r := newRig(t, 4<<10)
	r.UseHugePages(mheap.HugeCollapse)
	const stretch = arena.HugePage >> mheap.PageShift
	hole := r.alloc(1) // in the first stretch
	for range mheap.PagesPerArena/stretch - 1 {
		r.alloc(stretch)
	}
	r.alloc(stretch - 2) // all but a page behind the last
	r.Free(hole)
	for range 2 * mheap.PagesPerArena / stretch {
		r.Free(r.alloc(1))
		r.verify()
	}
	collapsed := r.system.Calls(arenatest.Advise) - 1 // one is for the arena
	require.LessOrEqual(t, collapsed, mheap.PagesPerArena/stretch-1)
	require.GreaterOrEqual(t, collapsed, mheap.PagesPerArena/stretch-2)
	require.EqualValues(t, arena.Size, r.Usage().HugeAsked)
}

func TestWithoutHugePagesNobodyIsAsked(t *testing.T) {
	r := newRig(t, 4<<10)
	for _, s := range r.fillEighths(16) {
		r.Free(s)
	}
	require.Zero(t, r.system.Calls(arenatest.Advise))
	require.Zero(t, r.Usage().HugeAsked)
}
