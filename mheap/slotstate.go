package mheap

import "sync/atomic"

// The life of a slot. Every slot has a byte of state outside the span, its kind in the upper two bits:
//
//	state   meaning                                who may change it, and how
//	InSpan  the span has it                        the cache that holds the span: store Held
//	Held    a cache, or a goroutine on its way     its owner: store Live (Alloc), InSpan (return)
//	        to or from one, has it
//	Away    freed by another cache than its own,   that cache, which has waited: store Held
//	        whose number it has, or by none
//	Live    a caller has it; the lower bits are    its own cache: store Held, or Live of no cache.
//	        the cache's that allocated it, its own Others: compare-and-swap to Away
//	Noted   a caller has it, and the heap keeps    whoever frees it: a compare-and-swap to Held
//	        a note of the block
//
// A block's own cache, the one that allocated it, frees it by a look and a plain store. Nobody else is in that cache
// meanwhile, so of all who free the block there one sees it Live. Who comes by another cache takes it by a
// compare-and-swap, so that of all of those one succeeds. What is left is one by the own cache and one by another within
// the same moment: the store of the one comes after the look and after the other's swap. Then both go on, and the own
// cache has the slot. The other leaves his aside, Away, until any store that was on its way has long arrived; when
// he settles it and finds another state than the one he gave it, it is the block that two freed. Blocks that no cache owns,
// large ones among them that come from the page heap, are Live with the owner 0 or Noted, and only ever freed by a
// compare-and-swap. A cache may make its own block one that it does not own.
//
// So an allocation and a free by the same cache take no atomic read-modify-write, a free by another takes one, and a
// second free is seen wherever the slot then lies.
//
// A block is Noted from the start or never: before its caller has it a compare-and-swap makes it Noted, which fails when
// a free came in between that was meant for the block before. The fast paths leave Noted ones to what looks for the note.
const (
	InSpan uint8 = 0
	Live   uint8 = 1 << 6
	Held   uint8 = 2 << 6
	Away   uint8 = Held | (MaxOwner + 1)
	Noted  uint8 = 3 << 6
)

// MaxOwner is the highest number of a cache that can own blocks. 0 is nobody's, and so is the one above.
const MaxOwner = 1<<6 - 2

// LiveOf is the state of a live block whose own cache has the number.
func LiveOf(owner uint8) uint8 { return Live | owner }

// AwayOf is the state of a slot that was freed by the cache with the number, and is not its own.
func AwayOf(owner uint8) uint8 { return Held | owner }

// Allocated tells whether a caller has the slot of the state.
//
//go:nosplit
func Allocated(state uint8) bool { return state&Live != 0 }

// IsLive tells whether a caller has the slot of the state, and the heap keeps no note of the block.
//
//go:nosplit
func IsLive(state uint8) bool { return state>>6 == Live>>6 }

// IsHeld tells whether neither a caller nor the span has the slot of the state.
func IsHeld(state uint8) bool { return state>>6 == Held>>6 }

// SlotState returns the state at address p.
//
//go:nosplit
func SlotState(p uintptr) uint8 { return *byteAt(p) }

// SetSlotState changes the state at p, which the caller's slot has.
//
//go:nosplit
func SetSlotState(p uintptr, state uint8) { *byteAt(p) = state }

// SetLoneState is SetSlotState for the one slot of a large object. It writes the whole word that the state begins, which
// FreeExactly then loads without waiting for a byte to be stored.
//
//go:nosplit
func SetLoneState(p uintptr, state uint8) { *stateWordAt(p) = uint32(state) << wordFirst }

// FreeSlot makes the state at p away, one that is Away, if it is Live. It tells whether it did: of all who free one
// block by FreeSlot one does.
//
//go:nosplit
func FreeSlot(p uintptr, away uint8) bool { return swap(p, kind, Live, away) }

// FreeExactly makes the state at p, which was seen to be was, Held if it is that still, and tells whether it did. It is for
// blocks that no cache owns: so nobody frees them by a store, and nothing has to wait.
//
//go:nosplit
func FreeExactly(p uintptr, was uint8) bool { return swap(p, all, was, Held) }

// FreeNoted is FreeExactly for a Noted block.
//
//go:nosplit
func FreeNoted(p uintptr) bool { return FreeExactly(p, Noted) }

// OwnerOf is the number of the cache that owns the block of the state, or 0.
func OwnerOf(state uint8) uint8 {
	if !Owned(state) {
		return 0
	}
	return state & ownerBits
}

// Owned tells whether a cache owns the live block of the state, and may free it by a store.
func Owned(state uint8) bool { return IsLive(state) && state != Live }

// Unfree undoes FreeSlot, which made the slot of the class Away, or FreeExactly, for a block whose state was was. It does
// nothing where the block's own cache has freed it meanwhile.
func Unfree(slot Slot, class SpanClass, was uint8) {
	held := Held
	if Owned(was) {
		held = Away
	}
	if slot.lies(class) {
		swap(slot.State, all, held, was)
	}
}

// PassSlot makes the slot of the class, which the caller made Away, away. It tells whether it could: see Settle.
func PassSlot(slot Slot, class SpanClass, away uint8) bool {
	return slot.lies(class) && swap(slot.State, all, Away, away)
}

// lies tells whether the slot is one of a span of the class: if not, that one has ended.
func (s Slot) lies(class SpanClass) bool { return EntryOf(s.Addr).has(s, class) }

// Settle makes the state of the slot at addr, of the class, which the caller made away a while ago, Held. It tells whether
// it could: if not, the block's own cache had begun to free the block before, and has the slot, or had it, and its span
// has ended.
func Settle(slot Slot, class SpanClass, away uint8) bool {
	a := ArenaOf(slot.Addr) // and not by lies: slots settle by the dozen, and a call for each costs
	settled := a != nil && a.Entry(slot.Addr).has(slot, class) && SlotState(slot.State) == away
	if settled {
		SetSlotState(slot.State, Held)
	}
	return settled
}

// NoteSlot makes the state at p, of a block that no cache owns and no caller has yet, Noted. It tells whether the block is
// still allocated: who frees the block twice that lay there before may have freed this one.
func NoteSlot(p uintptr) bool { return swap(p, all, Live, Noted) }

// kind, ownerBits and all are the bits of a state that tell its kind and a cache's number, and all of them.
const kind, ownerBits, all uint8 = 3 << 6, 1<<6 - 1, 0xff

// swap makes the state at p, if it has the bits of was, another, and tells whether it did.
//
//go:nosplit
func swap(p uintptr, bits, was, state uint8) bool {
	word, shift := stateWordAt(p), byteShift(p)
	for {
		old := atomic.LoadUint32(word)
		if uint8(old>>shift)&bits != was {
			return false
		}
		if atomic.CompareAndSwapUint32(word, old, old&^(0xff<<shift)|uint32(state)<<shift) {
			return true
		}
	}
}

// byteShift is where the byte at p stands in the word that contains it.
//
//go:nosplit
func byteShift(p uintptr) uint { return uint(p<<3)&31 ^ wordFirst }
