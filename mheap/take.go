package mheap

import "slices"

// Slot is a slot on its way between a span and a caller: its address and its state's.
type Slot struct{ Addr, State uintptr }

// Above returns the slot behind s in an array.
//
//go:nosplit
func (s *Slot) Above() *Slot { return slotAt(addressOfSlot(s) + slotSize) }

// Below returns the slot before s in an array.
//
//go:nosplit
func (s *Slot) Below() *Slot { return slotAt(addressOfSlot(s) - slotSize) }

// Take moves slots from s, which the caller holds, to dst, and makes them Held. It returns how
// many: fewer than dst has room for when it has come to the span's end, and then only Rewind makes
// slots that are given back later seen. The slot at the lowest address comes last, so that dst,
// used as a stack, gives ascending addresses. Take neither waits nor calls anybody.
func (s *Span) Take(dst []Slot) int {
	l := s.class.Layout()
	n, i := 0, uintptr(s.Cursor)
	for i < uintptr(s.slots) && n < len(dst) {
		state := s.states() + i
		if state&7 == 0 && noneInSpan(*quadAt(state)) {
			i += 8
			continue
		}
		if *byteAt(state) < Live {
			*byteAt(state) = Held
			dst[n] = Slot{s.base + i*l.Bytes, state}
			n++
		}
		i++
	}
	s.Cursor = min(uint32(i), s.slots)
	s.Taken += uint32(n)
	slices.Reverse(dst[:n])
	return n
}

// Give moves slots that head the run, as far as they are of s, back into it, and returns how many: one at
// least, the first being of s. The caller holds the central's lock.
func (s *Span) Give(run []Slot) (n int) {
	for n < len(run) && run[n].Addr-s.base < s.Bytes() {
		SetSlotState(run[n].State, InSpan)
		n++
	}
	s.Returned += uint32(n)
	return n
}

// Forgo counts slots as taken that the counts have in the span and the states have not, and returns how many. A cache that
// paused while it freed a block of its own, which another freed as well, may have made such a slot Held that was back in
// its span, and has it. The caller holds the central's lock, and no cache holds the span.
func (s *Span) Forgo() (missing uint32) {
	inSpan, _, _ := s.Count()
	missing = s.Free() - inSpan
	s.Taken += missing
	return missing
}

// Whole tells whether every slot is in the span.
func (s *Span) Whole() bool { return s.seek(0, false) == uintptr(s.slots) }

// Spent tells whether Take has come to the span's end and no slot is in the span, whatever the counts say.
func (s *Span) Spent() bool { return s.Cursor == s.slots && s.seek(0, true) == uintptr(s.slots) }

// Rewind makes Take look at every slot again.
func (s *Span) Rewind() { s.Cursor = 0 }

// Count returns how many of the span's slots are in the span, held and live, noted ones among these.
func (s *Span) Count() (inSpan, held, live uint32) {
	for i := uintptr(0); i < uintptr(s.slots); i++ {
		switch state := *byteAt(s.State(i)); {
		case state < Live:
			inSpan++
		case Allocated(state):
			live++
		default:
			held++
		}
	}
	return inSpan, held, live
}

// allInSpan tells whether each of eight states is InSpan.
func allInSpan(v uint64) bool { return (v|v<<1)&0x8080808080808080 == 0 }

// noneInSpan tells whether none of eight states is InSpan: each has one of its upper two bits set.
func noneInSpan(v uint64) bool { return (v|v<<1)&0x8080808080808080 == 0x8080808080808080 }
