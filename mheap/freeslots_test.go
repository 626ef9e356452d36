package mheap_test

import (
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// Slots are freed in order up to the first that another has freed, or that comes twice; those behind it stay Live.
func TestFreeSlots(t *testing.T) {
	const count = 24
	for _, c := range []struct {
		name  string
		order []uintptr // of slots
		freed []uintptr // by another, before
		won   int
	}{
		{"none", nil, nil, 0},
		{"one", []uintptr{5}, nil, 1},
		{"a word", []uintptr{8, 9, 10, 11, 12, 13, 14, 15}, nil, 8},
		{"across words", []uintptr{6, 7, 8, 9, 23, 0, 22, 1}, nil, 8},
		{"backward", []uintptr{17, 16, 15, 14, 13, 12}, nil, 6},
		{"the first is gone", []uintptr{3, 4, 5}, []uintptr{3}, 0},
		{"one in the middle is gone", []uintptr{0, 1, 2, 3, 4, 8}, []uintptr{2}, 2},
		{"the first of another word is gone", []uintptr{6, 7, 8, 9}, []uintptr{8}, 2},
		{"two are gone", []uintptr{0, 1, 2, 3, 4, 5}, []uintptr{4, 2}, 2},
		{"twice, in one word", []uintptr{0, 1, 2, 1, 3}, nil, 3},
		{"twice, at once", []uintptr{4, 4}, nil, 1},
		{"twice, in two words", []uintptr{0, 9, 1, 9, 2}, nil, 3},
	} {
		t.Run(c.name, func(t *testing.T) {
			base := states(t, count)
			for i := range uintptr(count) {
				mheap.SetSlotState(base+i, mheap.Live)
			}
			held := map[uintptr]bool{}
			for _, i := range c.freed {
				require.True(t, mheap.FreeSlot(base+i))
				held[i] = true
			}
			var slots []mheap.Slot
			for k, i := range c.order {
				slots = append(slots, mheap.Slot{State: base + i})
				held[i] = held[i] || k < c.won
			}
			require.Equal(t, c.won, mheap.FreeSlots(slots))
			for i := range uintptr(count) {
				require.Equal(t, held[i], what(base+i) == "held", "slot %d is %s", i, what(base+i))
				require.Equal(t, !held[i], what(base+i) == "live", "slot %d is %s", i, what(base+i))
			}
		})
	}
}
