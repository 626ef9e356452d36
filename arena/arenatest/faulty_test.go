package arenatest_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// calls makes n calls of Reserve and Commit each, and returns which were refused.
func calls(t *testing.T, f *arenatest.Faulty, n int) (reserves, commits []int) {
	const page = 4096
	for k := 1; k <= n; k++ {
		addr, err := f.Reserve(0, page)
		if err != nil {
			require.ErrorIs(t, err, arenatest.ErrRefused)
			reserves = append(reserves, k)
			continue
		}
		if err := f.Commit(addr, page); err != nil {
			require.ErrorIs(t, err, arenatest.ErrRefused)
			commits = append(commits, k)
		}
	}
	return reserves, commits
}

func TestFaultyRefusesWhatItsRuleNames(t *testing.T) {
	for name, test := range map[string]struct {
		rule              func(arenatest.Call) bool
		reserves, commits []int
	}{
		"none":      {nil, nil, nil},
		"nth":       {arenatest.Nth(arenatest.Reserve, 2), []int{2}, nil},
		"from":      {arenatest.From(arenatest.Commit, 3), nil, []int{3, 4, 5}},
		"predicate": {func(c arenatest.Call) bool { return c.Size == 4096 && c.K%2 == 0 }, []int{2, 4}, []int{2}},
	} {
		t.Run(name, func(t *testing.T) {
			fake := arenatest.NewFake(t, 4096)
			f := arenatest.NewFaulty(fake)
			calls(t, f, 1)
			f.Refuse(test.rule) // counts from here
			reserves, commits := calls(t, f, 5)
			require.Equal(t, test.reserves, reserves)
			require.Equal(t, 5, f.Calls(arenatest.Reserve))
			require.Equal(t, 5-len(reserves), f.Calls(arenatest.Commit))
			require.EqualValues(t, 4096*(6-len(reserves)-len(commits)), fake.Bytes(arenatest.Ready), "refused calls do nothing")
			if name != "predicate" {
				require.Equal(t, test.commits, commits)
			}
		})
	}
}

func TestFaultyPassesEverythingOn(t *testing.T) {
	fake := arenatest.NewFake(t, 16384)
	f := arenatest.NewFaulty(fake)
	require.EqualValues(t, 16384, f.PageSize())
	addr, err := f.Reserve(1<<30, 4*16384)
	require.NoError(t, err)
	require.EqualValues(t, 1<<30, addr)
	require.NoError(t, f.Commit(addr, 2*16384))
	require.NoError(t, f.Decommit(addr, 16384))
	require.NoError(t, f.Unreserve(addr+3*16384, 16384))
	require.NoError(t, f.Move(addr, addr+16384, 16384))
	require.NoError(t, f.Protect(addr, 16384))
	require.EqualValues(t, 16384, fake.Bytes(arenatest.Protected))
	require.NoError(t, f.Unprotect(addr, 2*16384))
	big, err := f.Reserve(1<<31, arena.HugePage)
	require.NoError(t, err)
	require.NoError(t, f.Advise(arena.HugeOn, big, arena.HugePage))
	require.NoError(t, f.Unreserve(big, arena.HugePage))
	require.EqualValues(t, 2*16384, fake.Bytes(arenatest.Ready))
	require.EqualValues(t, 16384, fake.Bytes(arenatest.Reserved))
	for _, v := range arenatest.Verbs() {
		require.NotZero(t, f.Calls(v), v)
	}
}
