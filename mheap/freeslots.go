package mheap

import "sync/atomic"

// FreeSlots does for Live slots, in order, what FreeSlot does for one, by a single atomic for neighbours of which
// the states share a word of eight. It returns how many became Held. When another freed one of them at the
// same moment, that one and those behind it are the caller's no more, and are as if he had not come.
func FreeSlots(slots []Slot) (won int) {
	for won < len(slots) {
		word, ones := slots[won].State&^7, uint64(1)<<quadShift(slots[won].State)
		end := won + 1
		for ; end < len(slots) && slots[end].State&^7 == word; end++ {
			one := uint64(1) << quadShift(slots[end].State)
			if ones&one != 0 {
				break // the same slot again
			}
			ones |= one
		}
		states := atomic.AddUint64(quadAt(word), ones)
		if (states^allHeld)&(ones*0xff) != 0 {
			return won + backOut(states, slots[won:end])
		}
		won = end
	}
	return won
}

// allHeld is a word of eight states Held.
const allHeld = uint64(Held) * 0x0101010101010101

// backOut looks at what came of slots to whose states, in one word, one was added. It returns how many of them became
// Held before the first that did not, and makes those Live again that did behind it.
func backOut(states uint64, slots []Slot) (won int) {
	held := func(s Slot) bool { return uint8(states>>quadShift(s.State)) == Held }
	for won < len(slots) && held(slots[won]) {
		won++
	}
	for _, s := range slots[won:] {
		if held(s) {
			SetSlotState(s.State, Live)
		}
	}
	return won
}

// quadShift is where the byte at p stands in the word of eight bytes that contains it.
func quadShift(p uintptr) uint { return uint(p&7)<<3 ^ quadFirst }
