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
//	Live    a caller has it                        whoever frees it: an atomic add of 1 makes it Held
//	Noted   a caller has it, and the heap keeps    whoever frees it: a compare-and-swap to Held
//	        a note of the block
//
// Any value below Live is InSpan, any between Live and Noted Held, any above Noted is Noted. A block is
// Noted from the start or never: before its caller has it a compare-and-swap makes it Noted, which fails when
// a free came in between that was meant for the block before. What frees Live blocks only, the fast paths,
// leaves Noted ones to what looks for the note. Of all who free one block at the same moment
// exactly one sees the byte go from Live to Live+1. The others' adds, and that of one who saw the
// block Live and was overtaken by all that became of it, leave a Held or InSpan byte what it is; the
// next store sets it right. Stores are plain: only the slot's owner stores, and owning it passes on
// through a cache's or a central's own rules. So an allocation marks its slot with no atomic
// read-modify-write, a free costs one, and a second free is seen wherever the slot then lies.
//
// An add and not a compare-and-swap, since that would load the word around a byte stored just before,
// which stalls. It would take dozens of goroutines, all freeing one block and all between the look and
// the add at one moment, to carry a byte into the next state.
const (
	InSpan uint8 = 0
	Live   uint8 = 0x40
	Held   uint8 = 0x41
	Noted  uint8 = 0xc0
)

// Allocated tells whether a caller has the slot of the state.
func Allocated(state uint8) bool { return state == Live || state >= Noted }

// SlotState returns the state at address p.
//
//go:nosplit
func SlotState(p uintptr) uint8 { return *byteAt(p) }

// SetSlotState changes the state at p, which the caller's slot has.
//
//go:nosplit
func SetSlotState(p uintptr, state uint8) { *byteAt(p) = state }

// FreeSlot makes the state at p, which was seen Live, Held. It tells whether the caller was the one
// who did, and not another who freed the same block.
//
//go:nosplit
func FreeSlot(p uintptr) bool {
	shift := byteShift(p)
	return uint8(atomic.AddUint32(stateWordAt(p), 1<<shift)>>shift) == Held
}

// NoteSlot makes the state at p, of a block that no caller has yet, Noted. It tells whether the block is
// still allocated: who frees the block twice that lay there before may have freed this one.
func NoteSlot(p uintptr) bool {
	word, shift := stateWordAt(p), byteShift(p)
	for {
		old := atomic.LoadUint32(word)
		if !Allocated(uint8(old >> shift)) {
			return false
		}
		if atomic.CompareAndSwapUint32(word, old, old&^(0xff<<shift)|uint32(Noted)<<shift) {
			return true
		}
	}
}

// FreeNoted makes the state at p Held if it is Noted, and tells whether it was.
func FreeNoted(p uintptr) bool {
	word, shift := stateWordAt(p), byteShift(p)
	for {
		old := atomic.LoadUint32(word)
		if uint8(old>>shift) < Noted {
			return false
		}
		if atomic.CompareAndSwapUint32(word, old, old&^(0xff<<shift)|uint32(Held)<<shift) {
			return true
		}
	}
}

// byteShift is where the byte at p stands in the word that contains it.
//
//go:nosplit
func byteShift(p uintptr) uint { return uint(p<<3)&31 ^ wordFirst }
