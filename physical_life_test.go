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
