package mheap_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func TestFreshArenasCountAsGivenBack(t *testing.T) {
	r := newRig(t, 4<<10)
	require.Zero(t, r.Usage().Arenas, "none before the first span")
	r.alloc(1)
	u := r.Usage()
	require.EqualValues(t, 1, u.Arenas)
	require.Zero(t, u.FreePages, "nothing is backed but the page in use")
	require.EqualValues(t, arena.Size-mheap.PageSize, u.Released+u.Untouched)
	require.EqualValues(t, u.Untouched, r.fake.Bytes(arenatest.Reserved))
	require.EqualValues(t, arena.Size-u.Untouched, r.fake.Bytes(arenatest.Ready))
	require.Less(t, r.fake.Bytes(arenatest.Ready), uintptr(arena.Size), "little is committed")
	r.verify()
}

func TestASpanCrossesArenasThatAreNeighbours(t *testing.T) {
	r := newRig(t, 4<<10)
	first := r.alloc(mheap.PagesPerArena - 2)
	second := r.alloc(10)
	require.Equal(t, first.Base()+first.Bytes(), second.Base())
	require.NotSame(t, mheap.ArenaOf(second.Base()), mheap.ArenaOf(second.Base()+second.Bytes()-1))
	for p := second.Base(); p < second.Base()+second.Bytes(); p += mheap.PageSize {
		require.Same(t, second, mheap.SpanOf(p))
	}
	require.EqualValues(t, 2, r.Usage().Arenas)
	r.verify()

	r.Free(first)
	r.Free(second)
	runs, err := r.Runs()
	require.NoError(t, err)
	require.Len(t, runs, 2, "free, and what was never used")
	r.verify()
	require.EqualValues(t, mheap.PagesPerArena+8, r.Release(2*arena.Size)>>mheap.PageShift)
	runs, err = r.Runs()
	require.NoError(t, err)
	require.Equal(t, []mheap.Run{{Base: first.Base(), Pages: 2 * mheap.PagesPerArena, State: "scav"}}, runs)
	r.verify()
}

func TestAHeapGrowsBehindItsLastArena(t *testing.T) {
	r := newRig(t, 4<<10)
	other, _ := r.another(2)
	_, err := other.Alloc(1, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	mine := r.alloc(mheap.PagesPerArena)
	other.Close() // an arena is there for the next who grows
	require.Equal(t, mine.Base()+mine.Bytes(), r.alloc(1).Base())
	r.verify()
}

func TestNoSpanCrossesAGap(t *testing.T) {
	r := newRig(t, 4<<10)
	first := r.alloc(mheap.PagesPerArena - 2)
	end := first.Base() + arena.Size
	r.fake.Occupy(end+arena.Size/2, 4<<10)
	second := r.alloc(10)
	require.NotEqual(t, end, second.Base()&^(arena.Size-1), "somebody else is there")
	r.verify()
	r.Free(first)
	r.Free(second)
	runs, err := r.Runs()
	require.NoError(t, err)
	for _, run := range runs {
		require.LessOrEqual(t, run.Pages, uintptr(mheap.PagesPerArena))
	}
	require.EqualValues(t, mheap.PagesPerArena, r.alloc(mheap.PagesPerArena).Pages())
	require.EqualValues(t, 2, r.Usage().Arenas)
	r.verify()
}

func TestASpanLongerThanAnArena(t *testing.T) {
	r := newRig(t, 4<<10)
	s := r.alloc(2*mheap.PagesPerArena + 1)
	require.EqualValues(t, 3, r.Usage().Arenas)
	require.EqualValues(t, 1, r.Usage().LargeSpans)
	require.EqualValues(t, 2*arena.Size+mheap.PageSize, r.Usage().LargeBytes)
	require.Same(t, s, mheap.SpanOf(s.Base()+s.Bytes()-1))
	r.verify()
	r.Free(s)
	require.Zero(t, r.Usage().LargeSpans)
	require.Zero(t, r.Usage().LargeBytes)
	r.verify()
}

func TestAnAlignmentLargerThanAnArena(t *testing.T) {
	r := newRig(t, 4<<10)
	r.alloc(1)
	const align = 4 * arena.Size
	s, err := r.Alloc(3, mheap.LargeNoscan, align)
	require.NoError(t, err)
	require.Zero(t, s.Base()%align)
	r.verify()
}

func TestHeapsDoNotJoinTheirPages(t *testing.T) {
	r := newRig(t, 4<<10)
	other, _ := r.another(2)
	mine := r.alloc(mheap.PagesPerArena)
	theirs, err := other.Alloc(mheap.PagesPerArena, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	require.EqualValues(t, arena.Size, max(mine.Base(), theirs.Base())-min(mine.Base(), theirs.Base()), "they are neighbours")
	r.Free(mine)
	other.Free(theirs)
	r.verify()
	require.NoError(t, other.Verify())
	require.EqualValues(t, arena.Size, r.Usage().FreePages)
	require.EqualValues(t, arena.Size, other.Usage().FreePages)
	r.alloc(mheap.PagesPerArena + 1)
	require.EqualValues(t, arena.Size, other.Usage().FreePages)
	r.verify()
	require.NoError(t, other.Verify())
}

func TestCloseGivesArenasToOtherHeaps(t *testing.T) {
	r := newRig(t, 4<<10)
	first, metadata := r.another(2)
	var spans []*mheap.Span
	for range 3 {
		s, err := first.Alloc(mheap.PagesPerArena/2+1, mheap.LargeNoscan, 0)
		require.NoError(t, err)
		spans = append(spans, s)
	}
	base, end := spans[0].Base(), spans[2].Base()+spans[2].Bytes()
	gone := uintptr(0)
	r.watch.gone = func(_, size uintptr) { gone += size }
	ready := r.fake.Bytes(arenatest.Ready)
	first.Close()
	require.Equal(t, ready, gone, "all memory went back")
	for p := base; p < end; p += arena.Size / 4 {
		require.Nil(t, mheap.ArenaOf(p))
		require.Nil(t, mheap.SpanOf(p))
	}
	require.Equal(t, mheap.Usage{}, first.Usage())
	require.NoError(t, first.Verify())
	require.Zero(t, first.Release(1<<30))
	metadata.Refuse(nil)
	_, err := first.Alloc(1, mheap.LargeNoscan, 0)
	require.ErrorIs(t, err, mheap.ErrClosed)
	require.Zero(t, metadata.Calls(arenatest.Reserve)+metadata.Calls(arenatest.Commit), "a closed heap takes no memory")

	r.system.Refuse(nil)
	s := r.alloc(mheap.PagesPerArena + 10)
	require.Zero(t, r.system.Calls(arenatest.Reserve), "address space is there")
	require.True(t, base <= s.Base() && s.Base() < end)
	require.False(t, s.NeedZero())
	r.verify()
}

func TestCloseWhenTheSystemTakesNothingBack(t *testing.T) {
	r := newRig(t, 4<<10)
	first, metadata := r.another(2)
	_, err := first.Alloc(10, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	r.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	metadata.Refuse(arenatest.From(arenatest.Decommit, 1))
	require.NotPanics(t, first.Close)
	s := r.alloc(10)
	require.False(t, s.NeedZero())
	require.Nil(t, mheap.SpanOf(s.Base()+arena.Size))
	r.verify()
	r.system.Refuse(nil)
}
