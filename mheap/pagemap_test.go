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

// TestEverySlotIsFound goes through every slot of one span of every class, and the tail.
func TestEverySlotIsFound(t *testing.T) {
	r := newRig(t, 4<<10)
	for _, class := range smallClasses() {
		l := class.Layout()
		s, err := r.Alloc(uintptr(l.Pages), class, 0)
		require.NoError(t, err)
		require.Equal(t, l.Slots, s.Slots())
		for i := range uintptr(s.Slots()) {
			for _, in := range []uintptr{0, 1, l.Bytes / 2, l.Bytes - 1} {
				p := s.Base() + i*l.Bytes + in
				if state, first := mheap.EntryOf(p).Slot(p); state != s.State(i) || first != (in == 0) {
					require.FailNow(t, "wrong slot", "class %d, slot %d, byte %d", class, i, in)
				}
			}
		}
		r.Free(s)
	}
	r.verify()
}

func TestLiveSlotFindsLiveSlotsAlone(t *testing.T) {
	r := newRig(t, 4<<10)
	for _, class := range smallClasses()[1:] {
		l := class.Layout()
		s, err := r.Alloc(uintptr(l.Pages), class, 0)
		require.NoError(t, err)
		finds := func(class mheap.SpanClass, offset uintptr) uintptr {
			p := s.Base() + offset
			return mheap.EntryOf(p).LiveSlot(class, p)
		}
		for i := range uintptr(s.Slots()) {
			state, offset := s.State(i), i*l.Bytes
			unheld := finds(class, offset)
			mheap.SetSlotState(state, mheap.Held)
			unheld |= finds(class, offset)
			mheap.SetSlotState(state, mheap.Live)
			found := finds(class, offset)
			inside := finds(class, offset+1) | finds(class, offset+l.Bytes/2) | finds(class, offset+l.Bytes-1)
			if unheld != 0 || found != state || inside != 0 {
				require.FailNow(t, "wrong slot", "class %d, slot %d: %#x %#x %#x", class, i, unheld, found, inside)
			}
		}
		for offset := uintptr(s.Slots()) * l.Bytes; offset < s.Bytes(); offset++ {
			if finds(class, offset) != 0 {
				require.FailNow(t, "a slot in the tail", "class %d, offset %d", class, offset)
			}
		}
		for _, other := range smallClasses()[1:] {
			if other != class {
				require.Zero(t, finds(other, 0), "class %d is not %d", class, other)
			}
		}
	}
}
