package arena_test

import (
	"runtime"
	"slices"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
)

func TestGoMemoryOutlivesCollections(t *testing.T) {
	s := arena.GoMemory()
	const ranges = 16
	var bases [ranges]uintptr
	size := s.PageSize()
	for i := range bases {
		bases[i] = reserved(t, s, 1)
		require.NoError(t, s.Commit(bases[i], size))
		fill(bases[i], size, byte(i+1))
	}
	garbage := make([][]byte, 0, 4*ranges)
	for range 3 {
		runtime.GC()
		for range cap(garbage) {
			b := make([]byte, 3*size)
			for i := range b {
				b[i] = 99
			}
			garbage = append(garbage[:len(garbage)%cap(garbage)], b)
		}
	}
	for i, base := range bases {
		requireAll(t, byte(i+1), base, size)
	}
	runtime.KeepAlive(garbage)
}

func TestGoMemoryAlignsMultiplesOfAnArena(t *testing.T) {
	s := arena.GoMemory()
	for _, n := range []uintptr{1, 2, 1} {
		reserved(t, s, 1) // so that alignment is not for free
		addr, err := s.Reserve(0, n*arena.Size)
		require.NoError(t, err)
		require.Zero(t, addr%arena.Size, "%d arenas at %#x", n, addr)
		require.NoError(t, s.Commit(addr, n*arena.Size))
		requireAll(t, 0, addr+n*arena.Size-s.PageSize(), s.PageSize())
	}
}

func TestGoMemoryGrantsThatTouchAreOneObject(t *testing.T) {
	s := arena.GoMemory()
	var grants []uintptr
	for range 300 {
		grants = append(grants, reserved(t, s, 1))
	}
	slices.Sort(grants)
	touch := 0
	for i, addr := range grants[1:] {
		if grants[i]+s.PageSize() == addr {
			touch++
			require.Equal(t, arena.SlabOf(s, grants[i]), arena.SlabOf(s, addr), "grants at %#x and %#x", grants[i], addr)
		}
	}
	require.NotZero(t, touch)
	require.Equal(t, len(grants), len(slices.Compact(grants)))
}

func TestGoMemoryGrantsAgainWhatWasUnreserved(t *testing.T) {
	s := arena.GoMemory()
	base := reserved(t, s, 8)
	require.NoError(t, s.Unreserve(base, 8*s.PageSize()))
	require.Equal(t, base, reserved(t, s, 8))
	require.NoError(t, s.Unreserve(base+2*s.PageSize(), 6*s.PageSize()))
	require.Equal(t, base+2*s.PageSize(), reserved(t, s, 6), "a part")
}
