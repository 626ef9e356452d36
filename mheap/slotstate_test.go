package mheap_test

import (
	"runtime"
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

// inStep runs the rounds of f in n goroutines, all in the same round at one moment: before each round
// one of them calls begin, after it end.
func inStep(n, rounds int, begin func(round int), f func(g, round int), end func(round int)) {
	var arrived atomic.Int64
	meet := func(want int64) {
		arrived.Add(1)
		for spin := 1; arrived.Load() < want; spin++ {
			if spin%100 == 0 {
				runtime.Gosched()
			}
		}
	}
	var all sync.WaitGroup
	for g := range n {
		all.Go(func() {
			for round := range rounds {
				met := int64(round) * 3 * int64(n)
				if g == 0 {
					begin(round)
				}
				meet(met + int64(n))
				f(g, round)
				meet(met + 2*int64(n))
				if g == 0 {
					end(round)
				}
				meet(met + 3*int64(n))
			}
		})
	}
	all.Wait()
}

// what says which of the states a byte is.
func what(p uintptr) string {
	switch state := mheap.SlotState(p); {
	case state < mheap.Live:
		return "in span"
	case state >= mheap.Noted:
		return "noted"
	case state > mheap.Live:
		return "held"
	}
	return "live"
}

func TestALiveSlotIsFreedOnce(t *testing.T) {
	at := states(t, 64)
	for i := range uintptr(16) {
		mheap.SetSlotState(at+i, mheap.Live)
		require.True(t, mheap.FreeSlot(at+i, mheap.Away))
		require.Equal(t, "held", what(at+i))
		for range 10 {
			require.False(t, mheap.FreeSlot(at+i, mheap.Away))
			require.Equal(t, "held", what(at+i), "who is late changes nothing")
		}
		mheap.SetSlotState(at+i, mheap.InSpan)
		for range 10 {
			require.False(t, mheap.FreeSlot(at+i, mheap.Away))
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
		require.True(t, mheap.FreeSlot(at+i, mheap.Away))
		for j := range uintptr(16) {
			if j != i {
				require.Equal(t, []uint8{mheap.InSpan, mheap.Live, mheap.Held}[j%3], mheap.SlotState(at+j))
			}
		}
	}
}

func TestOfManyWhoFreeASlotOneDoes(t *testing.T) {
	at := states(t, 64)
	for _, goroutines := range []int{2, 8} {
		var winners atomic.Int32
		inStep(goroutines, 3000,
			func(round int) { mheap.SetSlotState(at+uintptr(round%64), mheap.Live) },
			func(_, round int) {
				if mheap.FreeSlot(at+uintptr(round%64), mheap.Away) {
					winners.Add(1)
				}
			},
			func(round int) {
				if n := winners.Swap(0); n != 1 || what(at+uintptr(round%64)) != "held" {
					t.Errorf("%d freed the slot, which is %s now", n, what(at+uintptr(round%64)))
				}
			})
	}
}

// TestNeighboursAreFreedAtOnce lets several goroutines free a slot each of one word.
func TestNeighboursAreFreedAtOnce(t *testing.T) {
	at := states(t, 64)
	const slots = 4
	var winners atomic.Int32
	inStep(slots, 3000,
		func(int) {
			for i := range uintptr(slots) {
				mheap.SetSlotState(at+i, mheap.Live)
			}
		},
		func(g, _ int) {
			if mheap.FreeSlot(at+uintptr(g), mheap.Away) {
				winners.Add(1)
			}
		},
		func(int) {
			if n := winners.Swap(0); n != slots {
				t.Errorf("%d of %d slots were freed", n, slots)
			}
			for i := range uintptr(slots) {
				if what(at+i) != "held" {
					t.Errorf("slot %d is %s", i, what(at+i))
				}
			}
		})
}

// TestASlotIsStoredWhileItsNeighbourIsFreed: each goroutine owns a slot of one word, and makes it Live
// and Held in turn.
func TestASlotIsStoredWhileItsNeighbourIsFreed(t *testing.T) {
	at := states(t, 64)
	inStep(4, 1, func(int) {}, func(g, _ int) {
		p := at + uintptr(g)
		for range 20_000 {
			mheap.SetSlotState(p, mheap.Live)
			if !mheap.FreeSlot(p, mheap.Away) {
				t.Errorf("slot %d is %s", g, what(p))
				return
			}
		}
	}, func(int) {})
}

// TestOneOfManyFreesANotedSlot: the neighbours' states in the word come and go meanwhile.
func TestOneOfManyFreesANotedSlot(t *testing.T) {
	base := states(t, 64)
	var won atomic.Int32
	inStep(4, 2000, func(int) {
		won.Store(0)
		for i := range uintptr(4) {
			mheap.SetSlotState(base+i, mheap.Live)
		}
		mheap.SetSlotState(base+1, mheap.Noted)
	}, func(g, _ int) {
		if g == 0 {
			require.True(t, mheap.FreeSlot(base, mheap.Away))
		}
		if mheap.FreeNoted(base + 1) {
			won.Add(1)
		}
		if g == 1 {
			require.True(t, mheap.FreeSlot(base+2, mheap.Away))
		}
	}, func(int) {
		require.EqualValues(t, 1, won.Load())
		require.Equal(t, []string{"held", "held", "held", "live"}, []string{what(base), what(base + 1), what(base + 2), what(base + 3)})
	})
	require.False(t, mheap.FreeNoted(base+3), "live, not noted")
	require.Equal(t, "live", what(base+3))
}

// TestABlockIsNotedOrFreed: a free that comes before the note wins; the note does not make the slot anyone's again.
func TestABlockIsNotedOrFreed(t *testing.T) {
	base := states(t, 64)
	var freed, noted atomic.Bool
	inStep(2, 20_000, func(int) {
		mheap.SetSlotState(base+1, mheap.Live)
	}, func(g, _ int) {
		if g == 0 {
			noted.Store(mheap.NoteSlot(base + 1))
		} else if mheap.SlotState(base+1) == mheap.Live {
			freed.Store(mheap.FreeSlot(base+1, mheap.Away))
		} else {
			freed.Store(false)
		}
	}, func(int) {
		require.NotEqual(t, freed.Load(), noted.Load())
		if noted.Load() {
			require.GreaterOrEqual(t, mheap.SlotState(base+1), mheap.Noted)
		} else {
			require.Equal(t, "held", what(base+1))
		}
	})
}
