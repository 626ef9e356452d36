//go:build !race && !js && !wasip1

package spanheap

import (
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// Whatever the system refuses of a guard, the block is there, and nothing is lost.
func TestRefusedGuards(t *testing.T) {
	for _, verb := range []arenatest.Verb{arenatest.Protect, arenatest.Unprotect, arenatest.Decommit} {
		for _, k := range []int{1, 2, 7} {
			for _, rule := range []func(arenatest.Call) bool{arenatest.Nth(verb, k), arenatest.From(verb, k)} {
				memory := arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), 4096))
				space := arena.NewSpace(memory)
				h, err := newHeap(Options{Guard: 1}, space, arena.Metadata())
				require.NoError(t, err)
				memory.Refuse(rule)
				guarded := 0
				for i := range 10 {
					b, err := h.Alloc(100)
					require.NoError(t, err)
					require.Equal(t, make([]byte, 100), b)
					if class, _ := lookUp(addressOf(b)); className(class.Class()) == "guarded" {
						guarded++
					}
					b[i] = 1
					h.Free(b)
					require.NoError(t, h.Verify())
				}
				memory.Refuse(nil)
				b, err := h.Alloc(100)
				require.NoError(t, err)
				_, ok := DescribeFault(addressOf(b) - 100)
				require.True(t, ok, "the system is willing again, and the block is guarded")
				h.Free(b)
				h.Release(1 << 30)
				require.NoError(t, h.Verify())
				s := h.Stats()
				require.Equal(t, s.Metadata, s.Backed, "%v from the call %d on, %d were guarded", verb, k, guarded)
				memory.Refuse(rule)
				require.NoError(t, h.Close())
				memory.Refuse(nil)
				next, err := newHeap(Options{}, space, arena.Metadata())
				require.NoError(t, err)
				b, err = next.Alloc(arena.Size / 2) // over what was guarded
				require.NoError(t, err)
				clear(b)
				next.Free(b)
				require.NoError(t, next.Close())
			}
		}
	}
}
