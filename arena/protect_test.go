package arena_test

import (
	"runtime/debug"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// faults tells whether a read of the byte faults.
func faults(b []byte) (faulted bool) {
	defer debug.SetPanicOnFault(debug.SetPanicOnFault(true))
	defer func() { faulted = recover() != nil }()
	sink = b[0]
	return false
}

var sink byte

func TestAProtectedRangeFaultsAndKeepsItsBytes(t *testing.T) {
	s := arena.Metadata()
	page := s.PageSize()
	base, err := s.Reserve(0, 3*page)
	require.NoError(t, err)
	require.NoError(t, s.Commit(base, 3*page))
	b := at(base, 3*page)
	b[0], b[page], b[2*page] = 1, 2, 3
	if err := s.Protect(base+page, page); err != nil { // Go memory
		require.ErrorContains(t, err, "protect")
		return
	}
	require.False(t, faults(b))
	require.True(t, faults(b[page:]))
	require.True(t, faults(b[2*page-1:]))
	require.False(t, faults(b[2*page:]))
	require.NoError(t, s.Unprotect(base, 3*page), "also of what is accessible")
	require.Equal(t, []byte{1, 2, 3}, []byte{b[0], b[page], b[2*page]})
}

// An arena that its owner gave with Protected parts is one like all others to the next.
func TestGivenArenasAreAccessible(t *testing.T) {
	for _, refused := range []bool{false, true} {
		fake := arenatest.NewFake(t, 4096)
		faulty := arenatest.NewFaulty(fake)
		space := arena.NewSpace(faulty)
		regions, err := space.Take(1, 0)
		require.NoError(t, err)
		r := regions[0]
		require.NoError(t, r.Commit(faulty, r.Base, 1<<20))
		require.NoError(t, space.Protect(r.Base+8192, 8192))
		require.Equal(t, arenatest.Protected, fake.State(r.Base+8192))
		if refused {
			faulty.Refuse(arenatest.From(arenatest.Unprotect, 1))
		}
		space.Give([]arena.Region{r})
		next, err := space.Take(1, 0)
		require.NoError(t, err)
		require.Equal(t, refused, next[0].Base != r.Base, "kept from everybody while it is protected")
		faulty.Refuse(nil)
		if refused {
			next, err = space.Take(1, 0)
			require.NoError(t, err)
		}
		require.Equal(t, r, next[0])
		require.Zero(t, fake.Bytes(arenatest.Protected))
	}
}

func TestRefusedProtectionChangesNothing(t *testing.T) {
	fake := arenatest.NewFake(t, 4096)
	faulty := arenatest.NewFaulty(fake)
	space := arena.NewSpace(faulty)
	regions, err := space.Take(1, 0)
	require.NoError(t, err)
	r := regions[0]
	require.NoError(t, r.Commit(faulty, r.Base, 1<<20))
	faulty.Refuse(arenatest.From(arenatest.Protect, 1))
	require.ErrorIs(t, space.Protect(r.Base, 4096), arenatest.ErrRefused)
	require.Equal(t, arenatest.Ready, fake.State(r.Base))
	faulty.Refuse(nil)
	require.NoError(t, space.Protect(r.Base, 4096))
	faulty.Refuse(arenatest.From(arenatest.Unprotect, 1))
	require.ErrorIs(t, space.Unprotect(r.Base, 4096), arenatest.ErrRefused)
	require.Equal(t, arenatest.Protected, fake.State(r.Base))
}
