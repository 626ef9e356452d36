package mheap_test

import (
	"math"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// newGuardRig returns an empty heap over pages of the operating system of so many bytes. Spans of guarded
// blocks have no memory while they are in use, for which a rig would blame it.
func newGuardRig(t testing.TB, physicalPage uintptr) (*mheap.Heap, *arenatest.Fake, *arenatest.Faulty) {
	fake := arenatest.NewFake(t, physicalPage)
	fake.Occupy(0, room)
	fake.Occupy(room+roomBytes, math.MaxUint-room-roomBytes)
	fake.Place(room)
	system := arenatest.NewFaulty(fake)
	h := mheap.New(1, arena.NewSpace(system), arena.Metadata())
	t.Cleanup(h.Close)
	return h, fake, system
}

func backed(h *mheap.Heap) uint64 {
	metadata, _ := h.Meta().Backed()
	return h.Budget().Backed() - metadata
}

func TestGuardUnitsAreShutOrOpen(t *testing.T) {
	for _, page := range []uintptr{4096, 16384} {
		h, fake, _ := newGuardRig(t, page)
		s, err := h.NewGuards()
		require.NoError(t, err)
		require.Equal(t, s.Bytes(), fake.Bytes(arenatest.Protected))
		require.EqualValues(t, s.Bytes(), h.Usage().Shut)
		require.Zero(t, backed(h))
		require.NoError(t, h.Verify())
		unit := max(page, mheap.PageSize)
		for _, i := range []int{0, 30, mheap.GuardSlots - 1} {
			require.NoError(t, h.OpenGuard(s, i))
			base, limit := h.GuardUnit(s, i)
			require.Equal(t, unit, limit-base)
			require.Equal(t, arenatest.Protected, fake.State(base-1))
			require.Equal(t, arenatest.Ready, fake.State(base))
			require.Equal(t, arenatest.Ready, fake.State(limit-1))
			require.Equal(t, arenatest.Protected, fake.State(limit))
			require.EqualValues(t, unit, backed(h))
			require.EqualValues(t, unit, h.OpenGuards())
			require.NoError(t, h.Verify())
			require.True(t, h.ShutGuard(s, i))
			require.Zero(t, backed(h))
			require.NoError(t, h.Verify())
		}
		require.Equal(t, s.Bytes(), fake.Bytes(arenatest.Protected))
	}
}

func TestNoGuardsWithLargePages(t *testing.T) {
	h, fake, _ := newGuardRig(t, 32<<10)
	_, err := h.NewGuards()
	require.ErrorIs(t, err, mheap.ErrNoGuards)
	require.Zero(t, fake.Bytes(arenatest.Ready))
}

func TestGuardsAreWithinTheLimit(t *testing.T) {
	h, _, _ := newGuardRig(t, 4096)
	h.Budget().SetLimit(1<<20, 0)
	_, err := h.NewGuards()
	require.ErrorIs(t, err, mheap.ErrLimit)
	h.Budget().SetLimit(0, 0)
	s, err := h.NewGuards()
	require.NoError(t, err)
	h.Budget().SetLimit(h.Budget().Backed()+mheap.PageSize, 0)
	require.NoError(t, h.OpenGuard(s, 0))
	require.ErrorIs(t, h.OpenGuard(s, 1), mheap.ErrLimit)
	require.NoError(t, h.Verify())
	require.True(t, h.ShutGuard(s, 0))
	require.NoError(t, h.OpenGuard(s, 1))
}

// A refusal leaves the units what they were, or open, and nothing is counted twice.
func TestRefusedGuardUnits(t *testing.T) {
	h, fake, system := newGuardRig(t, 4096)
	for _, verb := range []arenatest.Verb{arenatest.Reserve, arenatest.Commit, arenatest.Decommit, arenatest.Protect} {
		system.Refuse(arenatest.From(verb, 1))
		_, err := h.NewGuards()
		if verb == arenatest.Reserve || verb == arenatest.Commit || system.Calls(verb) > 0 {
			require.ErrorIs(t, err, arenatest.ErrRefused)
		}
		require.NoError(t, h.Verify())
		require.Zero(t, fake.Bytes(arenatest.Protected))
		system.Refuse(nil)
		h.Release(math.MaxInt)
		require.Zero(t, backed(h), verb)
	}
	s, err := h.NewGuards()
	require.NoError(t, err)
	system.Refuse(arenatest.From(arenatest.Unprotect, 1))
	require.ErrorIs(t, h.OpenGuard(s, 5), arenatest.ErrRefused)
	require.Zero(t, backed(h))
	system.Refuse(nil)
	require.NoError(t, h.OpenGuard(s, 5))
	for _, verb := range []arenatest.Verb{arenatest.Decommit, arenatest.Protect} {
		system.Refuse(arenatest.From(verb, 1))
		require.False(t, h.ShutGuard(s, 5))
		system.Refuse(nil)
		require.EqualValues(t, mheap.PageSize, backed(h))
		require.NoError(t, h.Verify())
		require.NoError(t, h.OpenGuard(s, 5), "though it is open")
		require.EqualValues(t, mheap.PageSize, backed(h))
	}
	require.True(t, h.ShutGuard(s, 5))
	require.Zero(t, backed(h))
	require.NoError(t, h.Verify())
}
