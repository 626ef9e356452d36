package mheap_test

import (
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// states returns the address of n states that are the test's own, all InSpan.
func states(t *testing.T, n uintptr) uintptr {
	m, _ := newMeta(t)
	return metaAlloc(t, m, n)
}

// together runs f in n goroutines that start at one moment, as far as that can be.
func together(n int, f func(g int)) {
	var all sync.WaitGroup
	var ready atomic.Int32
	for g := range n {
		all.Go(func() {
			ready.Add(1)
			for spin := 0; int(ready.Load()) < n && spin < 1000; spin++ {
			}
			f(g)
		})
	}
	all.Wait()
}

// what says which of the three states a byte is.
func what(p uintptr) string {
	switch state := mheap.SlotState(p); {
	case state < mheap.Live:
		return "in span"
	case state > mheap.Live:
		return "held"
	}
	return "live"
}

func TestALiveSlotIsFreedOnce(t *testing.T) {
	at := states(t, 64)
	for i := range uintptr(16) {
		mheap.SetSlotState(at+i, mheap.Live)
		require.True(t, mheap.FreeSlot(at+i))
		require.Equal(t, "held", what(at+i))
		for range 10 {
			require.False(t, mheap.FreeSlot(at+i))
			require.Equal(t, "held", what(at+i), "who is late changes nothing")
		}
		mheap.SetSlotState(at+i, mheap.InSpan)
		for range 10 {
			require.False(t, mheap.FreeSlot(at+i))
			require.Equal(t, "in span", what(at+i), "nor who is very late")
		}
	}
}

func TestAFreeLeavesTheNeighboursAlone(t *testing.T) {
	at := states(t, 64)
	for i := range uintptr(16) {
		for j := range uintptr(16) {
			mheap.SetSlotState(at+j, []uint8{mheap.InSpan, mheap.Live, mheap.Held}[j%3])
		}
		mheap.SetSlotState(at+i, mheap.Live)
		require.True(t, mheap.FreeSlot(at+i))
		for j := range uintptr(16) {
			if j != i {
				require.Equal(t, []uint8{mheap.InSpan, mheap.Live, mheap.Held}[j%3], mheap.SlotState(at+j))
			}
		}
	}
}

func TestOfManyWhoFreeASlotOneDoes(t *testing.T) {
	const goroutines, rounds = 16, 300
	at := states(t, 64)
	for round := range uintptr(rounds) {
		p := at + round%64
		mheap.SetSlotState(p, mheap.Live)
		var winners atomic.Int32
		together(goroutines, func(int) {
			if mheap.FreeSlot(p) {
				winners.Add(1)
			}
		})
		require.EqualValues(t, 1, winners.Load())
	}
}

// TestNeighboursAreFreedAtOnce frees the slots of one word by a goroutine each, several times over,
// while their owner makes one after the other Live again.
func TestNeighboursAreFreedAtOnce(t *testing.T) {
	const slots, rounds = 8, 4000
	at := states(t, 64)
	together(slots, func(g int) {
		p := at + uintptr(g)
		for range rounds {
			mheap.SetSlotState(p, mheap.Live)
			if !mheap.FreeSlot(p) || mheap.SlotState(p) != mheap.Held {
				t.Errorf("slot %d has the state %#x", g, mheap.SlotState(p))
				return
			}
		}
	})
	for i := range uintptr(64) {
		if i < slots {
			require.Equal(t, mheap.Held, mheap.SlotState(at+i))
		} else {
			require.Equal(t, mheap.InSpan, mheap.SlotState(at+i))
		}
	}
}
