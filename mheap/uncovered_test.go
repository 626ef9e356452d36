//go:build race || wasm

package mheap_test

import (
	"math"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func TestAnArenaThatCannotBeLookedUpIsRefused(t *testing.T) {
	const elsewhere = 0x20_0000_0000
	require.False(t, mheap.Covers(elsewhere))
	fake := arenatest.NewFake(t, 4<<10)
	fake.Occupy(0, elsewhere)
	fake.Occupy(elsewhere+roomBytes, math.MaxUint-elsewhere-roomBytes)
	fake.Place(elsewhere)
	h := mheap.New(1, arena.NewSpace(fake), arena.Metadata())
	require.NotPanics(t, func() {
		_, err := h.Alloc(1, mheap.LargeNoscan, 0)
		require.ErrorContains(t, err, "outside the addresses that can be looked up")
	})
	require.NoError(t, h.Verify())
	require.Zero(t, h.Usage().Arenas)
	h.Close()
}
