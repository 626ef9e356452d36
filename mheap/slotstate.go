package mheap

import (
	"sync/atomic"
)

// The life of a slot. Every slot has a byte of state outside the span:
//
//	state   meaning                                who may change it, and how
//	InSpan  the span has it                        the cache that holds the span: store Held
//	Held    a cache, or a goroutine on its way     its owner: store Live (Alloc), InSpan (return)
//	        to or from one, has it
//	Live    a caller has it                        whoever frees it: one compare-and-swap makes it Held
//
// Of all who free one block at the same moment exactly one swaps Live for Held; the others, and those
// who come later still, find another state and change nothing. The swap is of the word that contains
// the byte, and is tried again when a neighbour changed meanwhile. Stores are plain: only the slot's
// owner stores, and owning it passes on through a cache's or a central's own rules. So an allocation
// marks its slot with no atomic read-modify-write, a free costs one, and a second free is seen
// wherever the slot then lies.
const (
	InSpan uint8 = 0
	Live   uint8 = 0x40
	Held   uint8 = 0x41
)

// SlotState returns the state at address p.
func SlotState(p uintptr) uint8 { return *byteAt(p) }

// SetSlotState changes the state at p, which the caller's slot has.
func SetSlotState(p uintptr, state uint8) { *byteAt(p) = state }

// SetLive makes the slot, which is the caller's, Live.
func (s *Slot) SetLive() { *byteAt(s.State) = Live }

// FreeSlot makes the state at p Held if it is Live. It tells whether the caller was the one who did,
// and not another who freed the same block.
func FreeSlot(p uintptr) bool {
	shift, word := byteShift(p), stateWordAt(p)
	for {
		old := atomic.LoadUint32(word)
		if uint8(old>>shift) != Live {
			return false
		}
		if atomic.CompareAndSwapUint32(word, old, old+uint32(Held-Live)<<shift) {
			return true
		}
	}
}
