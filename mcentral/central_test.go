package mcentral_test

import (
	"testing"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// sizes are of classes with many slots a span, a few, two and one.
var sizes = []uintptr{8, 1024, 4096, 32768}

func TestRoomIsFoundBeforeAFreshSpan(t *testing.T) {
	for _, size := range sizes {
		r := newRig(t, size)
		slots := r.take(5 * r.slots())
		r.verify(5, 0)
		empty, nonempty := r.Lists()
		require.Equal(t, []int{5, 0}, []int{empty, nonempty})

		back := slots[2*r.slots()]
		r.Return([]mheap.Slot{back})
		r.verify(5, 0)
		require.Equal(t, []mheap.Slot{back}, r.take(1), "the one slot there is")
		r.verify(5, 0)
		r.take(1)
		r.verify(6, 0)
	}
}

func TestTheFullestSpanFirst(t *testing.T) {
	r := newRig(t, 512) // 16 slots
	spans := bySpan(r.take(4 * r.slots()))
	require.Len(t, spans, 4)
	want := map[int]*mheap.Span{}
	back := 2
	for s, slots := range spans {
		r.Return(slots[:back])
		want[back] = s
		back += 4
	}
	for free := 2; free <= 14; free += 4 {
		s := r.exchange(nil)
		require.Same(t, want[free], s, "the one with %d free", free)
		require.EqualValues(t, free, s.Free())
	}
	r.verify(4, 4)
}

// TestRefillingUsesTheSlotsThatWereFreed frees all slots but one of each span.
func TestRefillingUsesTheSlotsThatWereFreed(t *testing.T) {
	for _, size := range []uintptr{8, 48, 1024, 4096} {
		r := newRig(t, size)
		var freed []mheap.Slot
		all := bySpan(r.take(20 * r.slots()))
		for _, slots := range all {
			freed = append(freed, slots[1:]...)
		}
		spans := len(all)
		before := r.heap.Usage()
		r.Return(freed)
		r.verify(spans, 0)
		require.Equal(t, byAddress(freed), byAddress(r.take(len(freed))))
		r.verify(spans, 0)
		require.Equal(t, before, r.heap.Usage(), "no new pages")
	}
}

// A slot in its span becomes Held by one who frees a block of his own, which another freed as well, and pauses meanwhile.
// It is his: the span does without it, and does not end, until he gives it back.
func TestASpanDoesWithoutASlotThatALateStoreTook(t *testing.T) {
	for _, size := range []uintptr{8, 1024, 4096} {
		r := newRig(t, size)
		slots := r.take(r.slots())
		span := mheap.SpanOf(slots[0].Addr)
		r.Return(slots)
		taken := slots[len(slots)/2]
		mheap.SetSlotState(taken.State, mheap.Held)

		var got []mheap.Slot
		var held *mheap.Span
		for len(got) < 2*len(slots) {
			dst := make([]mheap.Slot, 16)
			n, s, err := r.Refill(held, dst, mcentral.Taker{})
			require.NoError(t, err)
			if held = s; s != nil {
				n += s.Take(dst[n:])
			}
			got = append(got, dst[:n]...)
		}
		r.Put(held)
		require.NotContains(t, got, taken)
		require.Len(t, bySpan(got)[span], len(slots)-1, "all others")

		r.Return(got)
		r.Drain()
		r.verify(1, 0)
		require.Same(t, span, mheap.SpanOf(taken.Addr))
		r.Return([]mheap.Slot{taken})
		r.Drain()
		r.verify(0, 0)
	}
}

// A class that has many spans gets longer ones, none much above an eighth of what it has.
func TestSpansGrowWithTheirClass(t *testing.T) {
	for _, size := range []uintptr{1024, 4096, 8192, 32768} {
		r := newRig(t, size)
		shortest := uintptr(r.class.Layout().Pages) << mheap.PageShift
		total, longest := uintptr(0), uintptr(0)
		for range 200 {
			s := r.exchange(nil)
			require.LessOrEqual(t, s.Bytes(), max(shortest, total/8*5/4))
			require.GreaterOrEqual(t, s.Bytes(), longest)
			total, longest = total+s.Bytes(), s.Bytes()
		}
		require.Greater(t, longest, shortest)
		require.LessOrEqual(t, longest, uintptr(80<<10))
		require.EqualValues(t, total, r.Usage().Pages<<mheap.PageShift)
	}
}

// Where a class has many spans, little of them is in no slot.
func TestLongSpansHaveSmallTails(t *testing.T) {
	for _, size := range []uintptr{1152, 1664, 2304, 2816, 3328, 4608, 5120, 5632, 6656, 7168, 10240, 12288, 14336, 20480} {
		r := newRig(t, size)
		var s *mheap.Span
		for range 200 {
			s = r.exchange(nil)
		}
		require.LessOrEqual(t, s.Bytes(), uintptr(96<<10))
		tail := s.Bytes() - uintptr(s.Slots())*size
		require.LessOrEqual(t, tail, s.Bytes()/35, "%d bytes: %d of %d", size, tail, s.Bytes())
	}
}

func TestFreeSpansGoBackButForASpare(t *testing.T) {
	for _, size := range sizes {
		r := newRig(t, size)
		slots := r.take(7 * r.slots())
		spanBytes := uint64(r.class.Layout().Pages) * mheap.PageSize
		before := r.heap.Usage().FreePages
		r.Return(slots)
		r.verify(mcentral.MaxSpares, 0)
		require.Equal(t, (7-mcentral.MaxSpares)*spanBytes, r.heap.Usage().FreePages-before)
		r.Drain()
		r.verify(0, 0)
		require.Equal(t, 7*spanBytes, r.heap.Usage().FreePages-before)
		r.Drain()
		r.verify(0, 0)
		require.Len(t, r.take(1), 1, "it goes on")
	}
}

// TestSwingingAroundABoundary takes one slot more than a span has, and gives it back.
func TestSwingingAroundABoundary(t *testing.T) {
	for _, size := range sizes {
		r := newRig(t, size)
		r.take(r.slots())
		r.Return(r.take(1))
		pages := r.heap.Usage()
		for range 10 {
			slots := r.take(1)
			require.Equal(t, pages, r.heap.Usage())
			r.Return(slots)
			require.Equal(t, pages, r.heap.Usage(), "the span stays")
		}
		r.verify(1+mcentral.MaxSpares, 0)
	}
}

func TestDrainLeavesSpansInUse(t *testing.T) {
	r := newRig(t, 1024)
	slots := r.take(3 * r.slots())
	r.Return(slots[:r.slots()+1])
	r.Drain()
	r.verify(2, 0)
	require.Len(t, r.take(1), 1)
	r.verify(2, 0)
}

func TestASpanThatACacheHoldsStays(t *testing.T) {
	for _, size := range sizes {
		r := newRig(t, size)
		s := r.exchange(nil)
		dst := make([]mheap.Slot, r.slots())
		require.Equal(t, r.slots(), s.Take(dst))
		r.Return(dst)
		r.verify(1, 1)
		r.Drain()
		r.verify(1, 1)
		require.Zero(t, s.Take(dst), "slots given back are behind")

		again := r.exchange(s)
		require.Same(t, s, again, "it has room again")
		require.Equal(t, r.slots(), s.Take(dst))
		r.Put(s)
		r.verify(1, 0)
		r.Return(dst)
		r.verify(1, 0)
		r.Drain()
		r.verify(0, 0)
	}
}

func TestAFreeSpanTooManyGoesBackWhenItIsPut(t *testing.T) {
	r := newRig(t, 1024)
	first, second := r.exchange(nil), r.exchange(nil)
	r.verify(2, 2)
	r.Put(first)
	r.Put(second)
	r.verify(mcentral.MaxSpares, 0)
	third := r.exchange(nil)
	require.Same(t, first, third, "the spare")
	fourth := r.exchange(nil)
	r.Put(third)
	require.Same(t, third, r.exchange(fourth), "one is a spare, the other went back")
	r.verify(1, 1)
}

func TestTakeForACallerWithoutACache(t *testing.T) {
	for _, size := range sizes {
		r := newRig(t, size)
		var all []mheap.Slot
		for len(all) < 3*r.slots() {
			dst := make([]mheap.Slot, 3)
			n, err := r.Take(dst)
			require.NoError(t, err)
			require.True(t, 1 <= n && n <= 3)
			all = append(all, dst[:n]...)
		}
		require.Len(t, bySpan(all), (len(all)+r.slots()-1)/r.slots())
		u := r.Usage()
		require.EqualValues(t, len(all), u.Direct)
		require.Zero(t, u.Returned)
		r.Return(all)
		require.EqualValues(t, len(all), r.Usage().Returned)
		r.verify(1, 0)
	}
}

func TestRefusedMemory(t *testing.T) {
	for _, size := range sizes {
		r := newRig(t, size)
		none := func(arenatest.Call) bool { return true }
		r.system.Refuse(none)
		_, err := r.Exchange(nil, mcentral.Taker{})
		require.ErrorIs(t, err, arenatest.ErrRefused)
		_, err = r.Take(make([]mheap.Slot, 1))
		require.ErrorIs(t, err, arenatest.ErrRefused)
		r.verify(0, 0)

		r.system.Refuse(nil)
		s := r.exchange(nil)
		dst := make([]mheap.Slot, r.slots())
		s.Take(dst)
		r.fill()
		_, err = r.Exchange(s, mcentral.Taker{})
		require.ErrorIs(t, err, arenatest.ErrRefused)
		require.False(t, s.Held, "the old one was given back all the same")
		listed, err := r.Verify()
		require.NoError(t, err)
		require.EqualValues(t, 1, listed)

		r.Return(dst[:1])
		require.Same(t, s, r.exchange(nil), "what comes back can be had")
		r.Put(s)
		r.system.Refuse(nil)
		r.take(2)
		listed, err = r.Verify()
		require.NoError(t, err)
		require.EqualValues(t, 2, listed)
	}
}
