package mheap_test

import (
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func newSpan(t *testing.T, class mheap.SpanClass) *mheap.Span {
	s, err := newRig(t, 4<<10).Alloc(uintptr(class.Layout().Pages), class, 0)
	require.NoError(t, err)
	return s
}

func TestTakeTakesEverySlotOnce(t *testing.T) {
	for _, class := range []mheap.SpanClass{mheap.ClassOf(1, true), mheap.ClassOf(3, false), mheap.ClassOf(50, true), mheap.ClassOf(67, true), mheap.Tiny} {
		for _, run := range []int{1, 3, 8, 64, 2000} {
			s := newSpan(t, class)
			l := class.Layout()
			var taken []mheap.Slot
			for {
				dst := make([]mheap.Slot, run)
				n := s.Take(dst)
				require.True(t, slices.IsSortedFunc(dst[:n], func(a, b mheap.Slot) int { return int(b.Addr) - int(a.Addr) }), "the lowest last")
				taken = append(taken, dst[:n]...)
				if n < run {
					break
				}
			}
			require.Len(t, taken, int(s.Slots()))
			require.EqualValues(t, s.Slots(), s.Taken)
			require.Zero(t, s.Free())
			seen := map[uintptr]bool{}
			for _, slot := range taken {
				i, first := l.Slot(slot.Addr - s.Base())
				require.True(t, first && slot.State == s.State(i) && !seen[i], "%+v", slot)
				require.Equal(t, "held", what(slot.State))
				seen[i] = true
			}
			require.Zero(t, s.Take(make([]mheap.Slot, 1)))
			s.Rewind()
			require.Zero(t, s.Take(make([]mheap.Slot, 1)))
		}
	}
}

// TestTakeFindsSlotsGivenBack keeps a random part of the slots, and takes the others again and again.
func TestTakeFindsSlotsGivenBack(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 5))
	for _, class := range []mheap.SpanClass{mheap.ClassOf(1, true), mheap.ClassOf(9, true), mheap.ClassOf(30, true), mheap.Tiny} {
		s := newSpan(t, class)
		var held []mheap.Slot
		for range 200 {
			room := make([]mheap.Slot, random.IntN(100))
			s.Rewind()
			before := s.Free()
			n := s.Take(room)
			require.Equal(t, min(len(room), int(before)), n)
			held = append(held, room[:n]...)
			random.Shuffle(len(held), func(i, j int) { held[i], held[j] = held[j], held[i] })
			for range random.IntN(len(held) + 1) {
				mheap.SetSlotState(held[0].State, mheap.InSpan)
				s.Returned++
				held = held[1:]
			}
			for i, slot := range held {
				mheap.SetSlotState(slot.State, []uint8{mheap.Live, mheap.Held}[i%2])
			}
			inSpan, some, live := s.Count()
			require.Equal(t, s.Free(), inSpan)
			require.EqualValues(t, len(held)/2, some)
			require.EqualValues(t, (len(held)+1)/2, live)
		}
	}
}

// TestLateFreesHideNoSlot: who frees a block that was freed may be so late that its slot is in the span
// again.
func TestLateFreesHideNoSlot(t *testing.T) {
	s := newSpan(t, mheap.ClassOf(1, true))
	for i := range uintptr(s.Slots()) {
		for range i % 4 {
			mheap.FreeSlot(s.State(i), mheap.Away)
		}
	}
	inSpan, held, live := s.Count()
	require.Equal(t, []uint32{s.Slots(), 0, 0}, []uint32{inSpan, held, live})
	require.EqualValues(t, s.Slots(), s.Take(make([]mheap.Slot, 2*s.Slots())))
}

func TestSlotsBehindTheCursorWaitForRewind(t *testing.T) {
	s := newSpan(t, mheap.ClassOf(10, true))
	first := make([]mheap.Slot, 4)
	require.Equal(t, 4, s.Take(first))
	mheap.SetSlotState(first[3].State, mheap.InSpan)
	s.Returned++
	next := make([]mheap.Slot, s.Slots())
	require.EqualValues(t, s.Slots()-4, s.Take(next))
	require.EqualValues(t, 1, s.Free())
	require.Zero(t, s.Take(next))
	s.Rewind()
	require.Equal(t, 1, s.Take(next))
	require.Equal(t, first[3], next[0])
}
