package mcache

import "github.com/spanheap/spanheap/mheap"

// Held blocks: freed ones whose slots, which are Held, somebody keeps for a while before caches have them
// again. They count as slots in caches. Each is ended by one Hold, and then by one Reuse or LetGo.

// Hold counts the end of a block of n bytes, whose slot has length bytes and is the caller's now.
func (s *Set) Hold(class mheap.SpanClass, length, n uintptr) {
	d := &s.direct[class]
	d.requested.Add(-n)
	d.held.Add(1)
	d.heldBytes.Add(length)
}

// Reuse makes a block of n bytes of the slot, which is held and small.
func (s *Set) Reuse(class mheap.SpanClass, state, length, n uintptr) {
	s.unhold(class, length)
	s.direct[class].requested.Add(n)
	s.direct[class].allocs.Add(1)
	mheap.SetSlotState(state, mheap.Live)
}

// LetGo puts the slot, which is held, where other free slots are.
func (s *Set) LetGo(class mheap.SpanClass, addr, state, length uintptr) {
	s.unhold(class, length)
	if class.Large() {
		s.FreeLarge(mheap.SpanOf(addr), 0)
		return
	}
	s.Free(nil, class, addr, state, 0, false)
}

func (s *Set) unhold(class mheap.SpanClass, length uintptr) {
	s.direct[class].held.Add(^uintptr(0))
	s.direct[class].heldBytes.Add(-length)
}
