package mheap

import "math/bits"

// Hollow spans. A span in use gives system pages back that free slots and its tail cover, and stays where it
// is: the range is Ready, so its slots are as good as before, and are backed again on touch. Slots leave a
// hollow span only after Restore has counted all of it as backed, so what was given back has no block in it.
//
// A span is hollowed, restored and freed by whoever holds it, or has its central's lock.

// grain is the unit of what is given back of a span: the longest span has one for each bit of Span.hollow.
const grain = MaxSpanBytes / 32

// UseHollow says whether spans may become hollow, which they may not by default. It is called before the
// first Alloc.
func (h *Heap) UseHollow(on bool) { h.useHollow = on }

// CanHollow tells whether spans may become hollow: where a page holds whole pages of the system, and no
// huge ones are asked for, which would be torn apart.
func (h *Heap) CanHollow() bool {
	return h.useHollow && h.huge == HugeOff && h.space.System().PageSize() <= PageSize
}

// Hollow returns how many bytes of the span were given back while it was in use.
func (s *Span) Hollow() uintptr { return uintptr(bits.OnesCount32(s.hollow)) * grain }

// HollowTail returns how many of these bytes belong to no slot.
func (s *Span) HollowTail() uintptr {
	tail := uintptr(s.slots) * s.class.Layout().Bytes
	behind := tail / grain
	n := uintptr(bits.OnesCount32(s.hollow>>behind)) * grain
	if s.hollow>>behind&1 == 1 {
		n -= tail % grain
	}
	return n
}

// Vacant returns the grains of s, a span of slots, that Hollow could give back. The caller has the lock of
// the span's central, and no cache holds the span.
func (h *Heap) Vacant(s *Span) (grains uint32) { return h.covered(s) &^ s.hollow }

// covered returns the grains of those system pages that slots in s and its tail cover.
func (h *Heap) covered(s *Span) (grains uint32) {
	page := max(h.space.System().PageSize(), grain)
	bytes := s.class.Layout().Bytes
	for end := uintptr(0); end < uintptr(s.slots); {
		first := s.seek(end, true)
		end = s.seek(first, false)
		from, to := (first*bytes+page-1)&^(page-1), end*bytes&^(page-1)
		if end == uintptr(s.slots) {
			to = s.Bytes()
		}
		if from < to {
			grains |= uint32(uint64(1)<<(to/grain) - uint64(1)<<(from/grain))
		}
	}
	return grains
}

// seek returns the first slot from i on that is in the span, or that is not, or else the number of slots.
func (s *Span) seek(i uintptr, inSpan bool) uintptr {
	slots := uintptr(s.slots)
	for i < slots {
		state := s.states() + i
		if state&7 == 0 {
			if v := *quadAt(state); inSpan && noneInSpan(v) || !inSpan && allInSpan(v) {
				i += 8
				continue
			}
		}
		if (*byteAt(state) < Live) == inSpan {
			return i
		}
		i++
	}
	return slots
}

// Hollow gives vacant grains of s back, but those that the system refuses to take, and returns how many bytes
// it gave, and whether all. The caller holds s, has called StartGiving, and has no lock.
func (h *Heap) Hollow(s *Span, grains uint32) (gave uintptr, all bool) {
	all = true
	for grains != 0 {
		first := bits.TrailingZeros32(grains)
		n := bits.TrailingZeros32(^(grains >> first))
		run := uint32(uint64(1)<<n-1) << first
		grains &^= run
		start, bytes := s.base+uintptr(first)*grain, uintptr(n)*grain
		if h.decommit(start, start+bytes) != nil {
			all = false
			continue
		}
		s.hollow |= run
		gave += bytes
	}
	h.hollowBytes.Add(uint64(gave))
	h.budget.give(gave)
	return gave, all
}

// Restore counts a hollow span as backed again, so that slots may be taken from it. The error is ErrLimit,
// and leaves the span hollow.
func (h *Heap) Restore(s *Span) error {
	n := s.Hollow()
	if n == 0 {
		return nil
	}
	if err := h.budget.take(n); err != nil {
		return err
	}
	s.hollow = 0
	h.hollowBytes.Add(-uint64(n))
	h.committedBytes.Add(uint64(n))
	return nil
}

// FreeHollow is Free for a hollow span, the rest of which goes back as well: its pages become scav. It tells
// whether the system took them; else the span is in use as before.
func (h *Heap) FreeHollow(s *Span) bool {
	h.giving.RLock()
	defer h.giving.RUnlock()
	if h.decommit(s.base, s.limit()) != nil {
		return false
	}
	h.giveBack(s, stateScav)
	return true
}

// StartGiving has Settle wait for the EndGiving of the caller, who holds a span in order to hollow it. In
// between the caller calls neither Release nor FreeHollow.
func (h *Heap) StartGiving() { h.giving.RLock() }

// EndGiving ends what StartGiving began.
func (h *Heap) EndGiving() { h.giving.RUnlock() }
