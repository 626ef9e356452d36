//go:build !(386 || arm || mips || mipsle)

package arena_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

func TestArenasLieBelow48Bits(t *testing.T) {
	const top = 1 << 48
	for _, granted := range []uintptr{top - arena.Size, top - 4096, top, 1<<52 + 4096, ^uintptr(4*arena.Size - 1)} {
		fake := arenatest.NewFake(t, 4096)
		fake.Occupy(4096, top-4096-arena.Size)
		fake.Place(granted)
		space := arena.NewSpace(fake)
		_, err := space.Take(1, 0)
		require.ErrorContains(t, err, "not below 2^48", "grant at %#x", granted)
		require.Zero(t, fake.Bytes(arenatest.Reserved))
	}
}

func TestAWishAbove48BitsIsNotGranted(t *testing.T) {
	fake := arenatest.NewFake(t, 4096)
	space := arena.NewSpace(fake)
	regions := take(t, space, 1, 1<<48)
	require.Less(t, regions[0].Base, uintptr(1<<48))
	require.EqualValues(t, arena.Size, fake.Bytes(arenatest.Reserved))
}
