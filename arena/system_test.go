package arena_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// eachSystem runs test over every System that this build has, and over fakes of other page sizes.
func eachSystem(t *testing.T, test func(t *testing.T, s arena.System)) {
	t.Run("system=host", func(t *testing.T) { test(t, arena.Host()) })
	t.Run("system=metadata", func(t *testing.T) { test(t, arena.Metadata()) })
	t.Run("system=go", func(t *testing.T) { test(t, arena.GoMemory()) })
	for _, page := range []uintptr{4 << 10, 16 << 10, 64 << 10} {
		t.Run(fmt.Sprintf("system=fake/page=%d", page), func(t *testing.T) {
			test(t, arenatest.NewFakeOver(t, arena.Host(), page))
		})
	}
}

// reserved returns pages Reserved pages of s.
func reserved(t *testing.T, s arena.System, pages uintptr) uintptr {
	t.Helper()
	addr, err := s.Reserve(0, pages*s.PageSize())
	require.NoError(t, err)
	require.NotZero(t, addr)
	require.Zero(t, addr%s.PageSize(), "grant at %#x", addr)
	return addr
}

func TestPageSizeIsAPowerOfTwo(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		page := s.PageSize()
		require.GreaterOrEqual(t, page, uintptr(4096))
		require.Zero(t, page&(page-1))
	})
}

func TestCommittedMemoryReadsZeroAndKeepsWhatIsWritten(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		page := s.PageSize()
		base := reserved(t, s, 8)
		require.NoError(t, s.Commit(base, 2*page))
		requireAll(t, 0, base, 2*page)
		fill(base, 2*page, 7)

		require.NoError(t, s.Commit(base+2*page, 6*page))
		requireAll(t, 7, base, 2*page)
		requireAll(t, 0, base+2*page, 6*page)
		fill(base+2*page, 6*page, 9)
		requireAll(t, 7, base, 2*page)
	})
}

func TestDecommittedMemoryReadsZeroAndStaysUsable(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		page := s.PageSize()
		base := reserved(t, s, 8)
		require.NoError(t, s.Commit(base, 8*page))
		fill(base, 8*page, 7)

		require.NoError(t, s.Decommit(base+2*page, 3*page))
		requireAll(t, 7, base, 2*page)
		requireAll(t, 0, base+2*page, 3*page)
		requireAll(t, 7, base+5*page, 3*page)

		fill(base+2*page, 3*page, 9)
		requireAll(t, 9, base+2*page, 3*page)
		require.NoError(t, s.Decommit(base, 8*page))
		require.NoError(t, s.Decommit(base, 8*page), "a second time")
		requireAll(t, 0, base, 8*page)
	})
}

func TestATakenHintIsGrantedElsewhere(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		page := s.PageSize()
		base := reserved(t, s, 4)
		require.NoError(t, s.Commit(base, 4*page))
		fill(base, 4*page, 7)

		other, err := s.Reserve(base+page, 2*page)
		require.NoError(t, err)
		require.True(t, other+2*page <= base || base+4*page <= other, "grant at %#x over %#x", other, base)
		require.NoError(t, s.Commit(other, 2*page))
		requireAll(t, 0, other, 2*page)
		fill(other, 2*page, 9)
		requireAll(t, 7, base, 4*page)
	})
}

func TestUnreservedAddressesMayBeReservedAgain(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		page := s.PageSize()
		base := reserved(t, s, 4)
		require.NoError(t, s.Unreserve(base, 4*page))
		again, err := s.Reserve(base, 4*page)
		require.NoError(t, err)
		require.NoError(t, s.Commit(again, 4*page))
		requireAll(t, 0, again, 4*page)
	})
}

func TestAnImpossibleReservationIsRefused(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		for _, size := range []uintptr{-s.PageSize(), ^uintptr(arena.Size - 1)} {
			_, err := s.Reserve(0, size)
			require.Error(t, err, "%d bytes", size)
			require.ErrorContains(t, err, fmt.Sprintf(" of %d bytes at 0x0", size))
			require.Error(t, errors.Unwrap(err), "the system's own error")
		}
		base := reserved(t, s, 1)
		require.NoError(t, s.Commit(base, s.PageSize()))
	})
}

func TestVerbsOnRangesThatDoNotOverlapMayRunTogether(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		var all sync.WaitGroup
		for g := range 4 {
			all.Go(func() {
				page := s.PageSize()
				for range 8 {
					base, err := s.Reserve(0, 4*page)
					if err == nil {
						err = s.Commit(base, 2*page)
					}
					if err == nil {
						fill(base, 2*page, byte(g+1))
						requireAll(t, byte(g+1), base, 2*page)
						err = s.Decommit(base, page)
					}
					if err == nil {
						requireAll(t, 0, base, page)
						base, err = s.Reserve(0, 2*page)
					}
					if err == nil {
						err = s.Unreserve(base, 2*page)
					}
					if err != nil {
						t.Error(err)
					}
				}
			})
		}
		all.Wait()
	})
}

// movable reports whether s can move at all: an error other than errors.ErrUnsupported fails the test.
func movable(t *testing.T, s arena.System) bool {
	page := s.PageSize()
	base := reserved(t, s, 4)
	require.NoError(t, s.Commit(base, 4*page))
	err := s.Move(base, base+2*page, page)
	if err != nil {
		require.ErrorIs(t, err, errors.ErrUnsupported)
	}
	return err == nil
}

func TestMovedMemoryIsElsewhereAndLeavesZeros(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		if !movable(t, s) {
			return
		}
		page := s.PageSize()
		base := reserved(t, s, 16)
		require.NoError(t, s.Commit(base, 16*page))
		for round := range byte(3) { // from a range that was moved to, too
			fill(base, 16*page, 7+round)
			fill(base+page, 3*page, 8+round)
			require.NoError(t, s.Move(base+9*page, base+page, 3*page))
			requireAll(t, 7+round, base, page)
			requireAll(t, 0, base+page, 3*page)
			requireAll(t, 7+round, base+4*page, 5*page)
			requireAll(t, 8+round, base+9*page, 3*page)
			requireAll(t, 7+round, base+12*page, 4*page)

			fill(base+page, 3*page, 20)
			requireAll(t, 8+round, base+9*page, 3*page)
			require.NoError(t, s.Move(base+page, base+9*page, 3*page))
			requireAll(t, 8+round, base+page, 3*page)
			requireAll(t, 0, base+9*page, 3*page)
		}
		require.NoError(t, s.Decommit(base, 16*page))
		requireAll(t, 0, base, 16*page)
	})
}

func TestAdviceChangesNoContents(t *testing.T) {
	eachSystem(t, func(t *testing.T, s arena.System) {
		base, err := s.Reserve(0, 2*arena.Size)
		require.NoError(t, err)
		base = (base + arena.HugePage - 1) &^ (arena.HugePage - 1)
		require.NoError(t, s.Commit(base, arena.HugePage))
		fill(base, arena.HugePage/2, 7)
		for _, a := range []arena.Advice{arena.HugeOn, arena.HugeNow, arena.HugeOff} {
			if err := s.Advise(a, base, arena.HugePage); err != nil {
				require.ErrorContains(t, err, a.String())
			}
			requireAll(t, 7, base, arena.HugePage/2)
			requireAll(t, 0, base+arena.HugePage/2, arena.HugePage/2)
		}
	})
}
