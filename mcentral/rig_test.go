package mcentral_test

import (
	"cmp"
	"math"
	"slices"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// rig is a central of one class over a page heap of its own, whose pages are mere numbers.
type rig struct {
	mcentral.Central
	t      testing.TB
	heap   *mheap.Heap
	class  mheap.SpanClass
	system *arenatest.Faulty // refuses what the test names
}

const roomBytes = 1 << 30

// newRig returns an empty central of the class for slots of so many bytes.
func newRig(t testing.TB, slotBytes uintptr) *rig { return newRigOn(t, 64<<10, slotBytes) }

// newRigOn is newRig on a system with pages of so many bytes; where they are short, spans may be hollow.
func newRigOn(t testing.TB, physicalPage, slotBytes uintptr) *rig {
	t.Helper()
	fake := arenatest.NewFake(t, physicalPage)
	fake.Occupy(0, room)
	fake.Occupy(room+roomBytes, math.MaxUint-room-roomBytes)
	fake.Place(room)
	r := &rig{t: t, class: mheap.ClassOf(sizeclass.Of(slotBytes), true), system: arenatest.NewFaulty(fake)}
	r.heap = mheap.New(1, arena.NewSpace(r.system), arena.Metadata())
	r.heap.UseHollow(true)
	r.Init(r.heap, r.class)
	require.Equal(t, slotBytes, r.class.Layout().Bytes)
	t.Cleanup(r.heap.Close)
	return r
}

func (r *rig) slots() int { return int(r.class.Layout().Slots) }

// verify checks the lists and the pages, and that the class has so many spans, of which caches hold
// some.
func (r *rig) verify(spans, held int) {
	r.t.Helper()
	listed, err := r.Verify()
	require.NoError(r.t, err)
	require.NoError(r.t, r.heap.Verify())
	require.EqualValues(r.t, spans-held, listed)
	require.EqualValues(r.t, spans, r.Usage().Spans)
	inUse := 0
	r.heap.Walk(func(s *mheap.Span) {
		require.Equal(r.t, r.class, s.Class())
		inUse++
	})
	require.Equal(r.t, spans, inUse)
}

func (r *rig) exchange(old *mheap.Span) *mheap.Span {
	r.t.Helper()
	s, err := r.Exchange(old, mcentral.Taker{})
	require.NoError(r.t, err)
	require.True(r.t, s.Held)
	require.NotZero(r.t, s.Free(), "a span with room")
	return s
}

// take takes so many slots by way of spans that are held one after the other.
func (r *rig) take(n int) (slots []mheap.Slot) {
	r.t.Helper()
	var s *mheap.Span
	for len(slots) < n {
		s = r.exchange(s)
		dst := make([]mheap.Slot, n-len(slots))
		k := s.Take(dst)
		require.NotZero(r.t, k)
		slots = append(slots, dst[:k]...)
	}
	r.Put(s)
	return slots
}

// bySpan sorts slots into those of each span.
func bySpan(slots []mheap.Slot) map[*mheap.Span][]mheap.Slot {
	spans := map[*mheap.Span][]mheap.Slot{}
	for _, slot := range slots {
		s := mheap.SpanOf(slot.Addr)
		spans[s] = append(spans[s], slot)
	}
	return spans
}

// byAddress returns the slots in address order.
func byAddress(slots []mheap.Slot) []mheap.Slot {
	return slices.SortedFunc(slices.Values(slots), func(a, b mheap.Slot) int { return cmp.Compare(a.Addr, b.Addr) })
}
