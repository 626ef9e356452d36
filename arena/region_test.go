package arena_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

const mib = 1 << 20

// numbers returns a Space over a Faulty over a Fake of mere numbers with 4 KiB pages.
func numbers(t *testing.T) (*arena.Space, *arenatest.Faulty, *arenatest.Fake) {
	fake := arenatest.NewFake(t, 4096)
	faulty := arenatest.NewFaulty(fake)
	return arena.NewSpace(faulty), faulty, fake
}

// oneArena returns a fresh arena of mere numbers, its system, and the fake behind it.
func oneArena(t *testing.T) (arena.Region, *arenatest.Faulty, *arenatest.Fake) {
	space, faulty, fake := numbers(t)
	regions, err := space.Take(1, 0)
	require.NoError(t, err)
	return regions[0], faulty, fake
}

func TestAFreshArenaIsUntouched(t *testing.T) {
	r, _, fake := oneArena(t)
	require.Equal(t, r.Base, r.Ready)
	require.EqualValues(t, arena.Size, r.Untouched())
	require.Equal(t, arenatest.Reserved, fake.State(r.Base))
}

func TestCommitMovesTheMarkInSteps(t *testing.T) {
	r, s, fake := oneArena(t)
	for _, step := range []struct{ offset, size, ready, calls uintptr }{
		{0, 1, 1 * mib, 1},                           // the first byte takes a step
		{mib - 8192, 8192, 1 * mib, 1},               // below the mark: nothing to do
		{mib - 8192, 8193, 2 * mib, 2},               // over the mark: one more step
		{0, 0, 2 * mib, 2},                           // nothing
		{arena.Size - 2*mib, 1, arena.Size - mib, 3}, // far above: all up to there, at once
		{arena.Size - 1, 1, arena.Size, 4},           // the last byte
		{0, arena.Size, arena.Size, 4},               // the whole arena
		{arena.Size, 0, arena.Size, 4},               // nothing, at the end
	} {
		require.NoError(t, r.Commit(s, r.Base+step.offset, step.size))
		require.Equal(t, step.ready, r.Ready-r.Base)
		require.EqualValues(t, step.calls, s.Calls(arenatest.Commit))
		require.Equal(t, arena.Size-step.ready, r.Untouched())
		require.Equal(t, step.ready, fake.Bytes(arenatest.Ready))
	}
}

func TestCommitStaysInTheArena(t *testing.T) {
	r, s, _ := oneArena(t)
	for _, bad := range []struct{ addr, size uintptr }{
		{r.Base - 1, 2},
		{r.Base - 4096, 4096},
		{r.Base, arena.Size + 1},
		{r.Base + arena.Size - 1, 2},
		{r.Base + arena.Size, 1},
		{r.Base + 4096, ^uintptr(0)},
		{^uintptr(0), 1},
	} {
		require.ErrorContains(t, r.Commit(s, bad.addr, bad.size), "not inside the arena")
	}
	require.Equal(t, r.Base, r.Ready)
	require.Zero(t, s.Calls(arenatest.Commit))
}

func TestARefusedCommitLeavesTheMark(t *testing.T) {
	r, s, _ := oneArena(t)
	require.NoError(t, r.Commit(s, r.Base, mib))
	s.Refuse(arenatest.Nth(arenatest.Commit, 1))
	require.ErrorIs(t, r.Commit(s, r.Base+mib, 1), arenatest.ErrRefused)
	require.EqualValues(t, mib, r.Ready-r.Base)
	require.NoError(t, r.Commit(s, r.Base+mib, 1))
	require.EqualValues(t, 2*mib, r.Ready-r.Base)
}

func TestDecommitLeavesTheMark(t *testing.T) {
	r, s, _ := oneArena(t)
	require.NoError(t, r.Commit(s, r.Base, 2*mib))
	require.NoError(t, r.Decommit(s, r.Base+4096, 8192))
	require.NoError(t, r.Decommit(s, r.Base, 2*mib))
	require.EqualValues(t, 2*mib, r.Ready-r.Base)
	require.Equal(t, 2, s.Calls(arenatest.Decommit))
	require.NoError(t, r.Decommit(s, r.Base, 0))
	require.Equal(t, 2, s.Calls(arenatest.Decommit), "nothing to give back")
}

func TestDecommitTakesWholePagesBelowTheMark(t *testing.T) {
	r, s, _ := oneArena(t)
	require.NoError(t, r.Commit(s, r.Base, mib))
	for _, bad := range []struct {
		addr, size uintptr
		says       string
	}{
		{r.Base + 1, 4096, "not whole pages of 4096 bytes"},
		{r.Base, 4097, "not whole pages of 4096 bytes"},
		{r.Base - 4096, 8192, "not inside the committed part"},
		{r.Base, mib + 4096, "not inside the committed part"},
		{r.Base + mib, 4096, "not inside the committed part"},
		{r.Base + 4096, ^uintptr(4095), "not inside the committed part"},
	} {
		require.ErrorContains(t, r.Decommit(s, bad.addr, bad.size), bad.says)
	}
	require.Zero(t, s.Calls(arenatest.Decommit))

	s.Refuse(arenatest.Nth(arenatest.Decommit, 1))
	require.ErrorIs(t, r.Decommit(s, r.Base, 4096), arenatest.ErrRefused)
	require.NoError(t, r.Decommit(s, r.Base, 4096))
}
