package spanheap

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// TestARandomLifeOnLargePhysicalPages lives on systems whose pages are larger than this package's; the fake
// below reports every verb on a part of one.
func TestARandomLifeOnLargePhysicalPages(t *testing.T) {
	for _, page := range []uintptr{16 << 10, 64 << 10} {
		t.Run(fmt.Sprint(page), func(t *testing.T) {
			memory := arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), page))
			for seed := range uint64(3) {
				h, err := newHeap(Options{}, arena.NewSpace(memory), arena.Metadata())
				require.NoError(t, err)
				w := worn{t: t, heap: h, random: rand.New(rand.NewPCG(seed, 0))}
				w.live(wornSteps, func() {})
				require.Zero(t, w.refused)
			}
			require.NotZero(t, memory.Calls(arenatest.Decommit))
		})
	}
}

// A heap that cannot come within its soft limit looks for what it might give back, and does not find what it is
// about to use. On large pages each single span makes it look.
func TestAboveTheSoftLimitOnLargePhysicalPages(t *testing.T) {
	memory := arenatest.NewFakeOver(t, arena.Host(), 64<<10)
	h, err := newHeap(Options{SoftLimit: 1 << 20, Scavenge: Never()}, arena.NewSpace(memory), arena.Metadata())
	require.NoError(t, err)
	live, err := h.Alloc(2 << 20)
	require.NoError(t, err)
	for range 100 {
		for n := 16; n <= 32<<10; n += max(16, n/8) {
			b, err := h.Alloc(n)
			require.NoError(t, err)
			h.Free(b)
		}
	}
	h.Free(live)
	require.NoError(t, h.Close())
}
