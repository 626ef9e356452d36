package mheap_test

import (
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

func TestSpanOfItsFirstAndLastByte(t *testing.T) {
	r := newRig(t, 4<<10)
	var spans []*mheap.Span
	for n := range uintptr(20) {
		spans = append(spans, r.alloc(n+1))
	}
	for i, s := range spans {
		last := s.Base() + s.Bytes() - 1
		require.Same(t, s, mheap.SpanOf(s.Base()))
		require.Same(t, s, mheap.SpanOf(last))
		require.Same(t, s, mheap.SpanOf(s.Base()+s.Bytes()/2))
		if i > 0 {
			require.NotSame(t, s, mheap.SpanOf(s.Base()-1))
		}
		require.NotSame(t, s, mheap.SpanOf(last+1))
	}
	for i, s := range spans {
		base, end := s.Base(), s.Base()+s.Bytes()
		r.Free(s)
		for p := base; p < end; p += mheap.PageSize {
			require.Nil(t, mheap.SpanOf(p))
			require.False(t, mheap.EntryOf(p).InUse())
		}
		if i+1 < len(spans) {
			require.Same(t, spans[i+1], mheap.SpanOf(end))
		}
	}
}

func TestForeignAddressesAreInNoSpan(t *testing.T) {
	r := newRig(t, 4<<10)
	s := r.alloc(3)
	onStack, onHeap := 0, new(int)
	begin := s.Base() &^ (arena.Size - 1)
	for _, p := range []uintptr{
		0, 1, ^uintptr(0), ^uintptr(0) >> 1, 1<<31 + 1,
		uintptr(unsafe.Pointer(&onStack)), uintptr(unsafe.Pointer(onHeap)), uintptr(unsafe.Pointer(s)),
		begin - 1, begin + arena.Size,
	} {
		require.Nil(t, mheap.ArenaOf(p), "%#x", p)
		require.Nil(t, mheap.SpanOf(p), "%#x", p)
		require.Zero(t, mheap.EntryOf(p), "%#x", p)
	}
	require.NotNil(t, mheap.ArenaOf(begin))
	require.NotNil(t, mheap.ArenaOf(begin+arena.Size-1))
	require.Nil(t, mheap.SpanOf(s.Base()+s.Bytes()), "never used")
	require.Equal(t, r.ID(), mheap.ArenaOf(s.Base()).Heap)
}

func TestTheOffsetInASpan(t *testing.T) {
	r := newRig(t, 4<<10)
	s := r.alloc(300)
	for i := range uintptr(300) {
		for _, in := range []uintptr{0, 1, mheap.PageSize - 1} {
			p := s.Base() + i*mheap.PageSize + in
			offset := mheap.EntryOf(p).Offset(p)
			if i <= 255 {
				require.Equal(t, p-s.Base(), offset)
			} else {
				require.Less(t, offset, p-s.Base())
				require.NotZero(t, offset)
			}
			state, first := mheap.EntryOf(p).Slot(p)
			require.Equal(t, s.States(), state, "the slot of a large object is its only one")
			require.Equal(t, p == s.Base(), first)
		}
	}
}

// spanLengths calls f for spans of the class, from the shortest to the longest, in a heap of their own.
func spanLengths(t *testing.T, class mheap.SpanClass, f func(*mheap.Span)) {
	r := newRig(t, 4<<10)
	for npages := uintptr(class.Layout().Pages); npages*mheap.PageSize <= mheap.MaxSpanBytes; npages += (npages + 1) / 2 {
		s, err := r.Alloc(npages, class, 0)
		require.NoError(t, err)
		require.Equal(t, class.SlotsIn(npages), s.Slots())
		require.Less(t, s.Bytes()-uintptr(s.Slots())*class.Layout().Bytes, class.Layout().Bytes, "no room for another slot")
		f(s)
		for i := range uintptr(s.Slots()) {
			mheap.SetSlotState(s.State(i), mheap.InSpan)
		}
		r.Free(s)
	}
	r.verify()
}

// TestEverySlotIsFound goes through every byte of the spans of every class.
func TestEverySlotIsFound(t *testing.T) {
	for _, class := range smallClasses() {
		l := class.Layout()
		spanLengths(t, class, func(s *mheap.Span) {
			for offset := range uintptr(s.Slots()) * l.Bytes {
				p, i := s.Base()+offset, offset/l.Bytes
				if state, first := mheap.EntryOf(p).Slot(p); state != s.State(i) || first != (offset%l.Bytes == 0) {
					require.FailNow(t, "wrong slot", "class %d, %d pages, slot %d, offset %d", class, s.Bytes()>>mheap.PageShift, i, offset)
				}
			}
		})
	}
}

func TestLiveSlotFindsLiveSlotsAlone(t *testing.T) {
	for _, class := range smallClasses()[1:] {
		l := class.Layout()
		spanLengths(t, class, func(s *mheap.Span) {
			finds := func(class mheap.SpanClass, offset uintptr) uintptr {
				p := s.Base() + offset
				return mheap.EntryOf(p).LiveSlot(class, p)
			}
			for i := range uintptr(s.Slots()) {
				state, offset := s.State(i), i*l.Bytes
				unheld := finds(class, offset)
				mheap.SetSlotState(state, mheap.Held)
				if unheld |= finds(class, offset); unheld != 0 {
					require.FailNow(t, "no live slot", "class %d, slot %d: %#x", class, i, unheld)
				}
				mheap.SetSlotState(state, mheap.Live)
			}
			for offset := range s.Bytes() {
				want := uintptr(0)
				if i := offset / l.Bytes; offset%l.Bytes == 0 && i < uintptr(s.Slots()) {
					want = s.State(i)
				}
				if got := finds(class, offset); got != want {
					require.FailNow(t, "wrong slot", "class %d, %d bytes, offset %d: %#x, not %#x", class, s.Bytes(), offset, got, want)
				}
			}
			for _, other := range smallClasses()[1:] {
				if other != class {
					require.Zero(t, finds(other, 0), "class %d is not %d", class, other)
				}
			}
		})
	}
}
