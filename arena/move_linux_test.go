package arena_test

import (
	"errors"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

func TestMovedMemoryIsResidentOnce(t *testing.T) {
	r, s := mappedArena(t)
	if !movable(t, s) {
		return
	}
	require.NoError(t, r.Commit(s, r.Base, 4*mib))
	fill(r.Base, mib, 7)
	fill(r.Base+2*mib, mib, 9)
	require.EqualValues(t, 2*mib, resident(t, r))
	require.NoError(t, s.Move(r.Base+2*mib, r.Base, mib))
	require.EqualValues(t, mib, resident(t, r), "what lay at the destination is gone")
	requireAll(t, 7, r.Base+2*mib, mib)
	requireAll(t, 0, r.Base, mib)
}

// Moves cost mappings; giving the memory back gives these back.
func TestMovesCostFewMappings(t *testing.T) {
	r, s := mappedArena(t)
	if !movable(t, s) {
		return
	}
	require.NoError(t, r.Commit(s, r.Base, arena.Size))
	fill(r.Base, arena.Size, 7)
	half := uintptr(arena.Size / 2)
	moves := 0
	var err error
	for offset := uintptr(0); offset < half && err == nil; offset += 8 << 10 {
		if err = s.Move(r.Base+half+offset/2&^4095, r.Base+offset, 4<<10); err == nil {
			moves++
		}
	}
	require.ErrorIs(t, err, errors.ErrUnsupported, "there is an end to it")
	require.LessOrEqual(t, len(mappingsOf(t, r.Base, arena.Size)), 2*moves+2)
	require.LessOrEqual(t, moves, 200)

	require.NoError(t, s.Decommit(r.Base, arena.Size))
	require.LessOrEqual(t, len(mappingsOf(t, r.Base, arena.Size)), 2)
	requireAll(t, 0, r.Base, arena.Size)
	require.NoError(t, s.Move(r.Base+half, r.Base, 4<<10), "and a new beginning")
	require.NoError(t, s.Decommit(r.Base, arena.Size))
}

// What goes back in small pieces amid moved memory costs no mapping each.
func TestShortRangesAmidMovedMemoryCostNoMappings(t *testing.T) {
	r, s := mappedArena(t)
	if !movable(t, s) {
		return
	}
	require.NoError(t, r.Commit(s, r.Base, arena.Size))
	fill(r.Base, mib, 7)
	require.NoError(t, s.Move(r.Base+2*mib, r.Base, mib))
	for offset := uintptr(0); offset < mib; offset += 16 << 10 {
		require.NoError(t, s.Decommit(r.Base+2*mib+offset, 8<<10))
		requireAll(t, 0, r.Base+2*mib+offset, 8<<10)
		requireAll(t, 7, r.Base+2*mib+offset+8<<10, 8<<10)
	}
	require.LessOrEqual(t, len(mappingsOf(t, r.Base, arena.Size)), 4)
	require.NoError(t, s.Decommit(r.Base, arena.Size))
	require.LessOrEqual(t, len(mappingsOf(t, r.Base, arena.Size)), 2)
}

// A block over two mappings is refused whole, and nothing has happened.
func TestARefusedMoveLeavesTheSource(t *testing.T) {
	r, s := mappedArena(t)
	if !movable(t, s) {
		return
	}
	page := s.PageSize()
	require.NoError(t, r.Commit(s, r.Base, mib))
	fill(r.Base, 4*page, 7)
	require.NoError(t, unix.Madvise(at(r.Base+page, page), unix.MADV_DONTFORK))
	before := len(mappingsOf(t, r.Base, arena.Size))
	require.ErrorIs(t, s.Move(r.Base+8*page, r.Base, 4*page), unix.EFAULT)
	requireAll(t, 7, r.Base, 4*page)
	requireAll(t, 0, r.Base+8*page, 4*page)
	require.Len(t, mappingsOf(t, r.Base, arena.Size), before)
	require.NoError(t, unix.Madvise(at(r.Base+page, page), unix.MADV_DOFORK))
}

// The kernel refuses the second step for want of its own memory alone; the destination may be a hole then.
func TestAMoveThatBreaksOffIsFinishedByHand(t *testing.T) {
	for _, hole := range []bool{false, true} {
		r, s := mappedArena(t)
		page := s.PageSize()
		require.NoError(t, r.Commit(s, r.Base, mib))
		dst := r.Base + 8*page
		fill(dst, 4*page, 7)
		if hole {
			require.NoError(t, s.Unreserve(dst, 4*page))
		}
		between, err := s.Reserve(0, 4*page)
		require.NoError(t, err)
		require.NoError(t, s.Commit(between, 4*page))
		fill(between, 4*page, 9)

		require.NoError(t, arena.FinishByHand(dst, r.Base, between, 4*page, unix.ENOMEM))
		requireAll(t, 9, dst, 4*page)
		requireAll(t, 0, r.Base, 8*page)
		requireAll(t, 0, dst+4*page, 4*page)
	}
}
