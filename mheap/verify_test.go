package mheap_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

func TestVerifyNamesWhatIsBroken(t *testing.T) {
	r := newRig(t, 4<<10)
	class := mheap.ClassOf(sizeclass.Of(1024), false)
	s, err := r.Heap.Alloc(4, class, 0)
	require.NoError(t, err)
	apart, err := r.Heap.Alloc(4, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	behind, err := r.Heap.Alloc(4, mheap.LargeNoscan, 0)
	require.NoError(t, err)
	r.Heap.Free(apart) // between two in use
	require.NoError(t, r.Verify())
	for want, breakIt := range mheap.Breaks {
		undo := breakIt(r.Heap, s)
		err := r.Verify()
		undo()
		require.ErrorContains(t, err, want)
		require.NoError(t, r.Verify(), "%s: undone", want)
	}
	undo := mheap.Breaks["page map: page "](r.Heap, s)
	err = r.Verify()
	undo()
	require.ErrorContains(t, err, fmt.Sprintf("page %#x (number 1 of its span)", s.Base()+mheap.PageSize))
	require.ErrorContains(t, err, fmt.Sprintf("span %#x..%#x (4 pages, in use, class %d scan of 1024 bytes, 32 slots 32S, taken 0, returned 0",
		s.Base(), s.Base()+4*mheap.PageSize, class.Size()))
	r.Heap.Free(s)
	r.Heap.Free(behind)
}

func TestVerifySlots(t *testing.T) {
	r := newRig(t, 4<<10)
	s, err := r.Heap.Alloc(1, mheap.ClassOf(sizeclass.Of(512), true), 0)
	require.NoError(t, err)
	slots := make([]mheap.Slot, 5)
	require.Equal(t, 5, s.Take(slots))
	for i, state := range []uint8{mheap.Live, mheap.Live, mheap.Noted} {
		mheap.SetSlotState(s.State(uintptr(i)), state)
	}
	require.NoError(t, s.VerifySlots())
	require.Equal(t, "2L1N2H11S", s.SlotRuns())
	mheap.SetSlotState(s.State(7), mheap.Live)
	require.ErrorContains(t, s.VerifySlots(), "slot conservation: 10 slots are in the span, its counts say 11: span ")
	require.ErrorContains(t, s.VerifySlots(), "16 slots 2L1N2H2S1L8S, taken 5, returned 0")
	r.Heap.Free(s)

	long, err := r.Heap.Alloc(1, mheap.ClassOf(sizeclass.Of(8), true), 0)
	require.NoError(t, err)
	for i := uintptr(0); i < 100; i += 2 {
		mheap.SetSlotState(long.State(i), mheap.Held)
	}
	require.Regexp(t, `^(1H1S){12}\.\.\.$`, long.SlotRuns())
	r.Heap.Free(long)
}
