package mheap

import "sync/atomic"

// StateGroup is up to four Live slots whose states share a word, so that one atomic frees them all. The
// zero StateGroup is empty.
type StateGroup struct {
	word uintptr // address of the states' word
	ones uint32  // what is added to it: one in the byte of every state
}

// Start makes the slot whose state is at p the group's only one.
func (g *StateGroup) Start(p uintptr) { g.word, g.ones = p&^3, 1<<byteShift(p) }

// Add puts the slot whose state is at p into the group, if its state is of the same word and not in the
// group already. It tells whether it did.
func (g *StateGroup) Add(p uintptr) bool {
	one := uint32(1) << byteShift(p)
	if p&^3 != g.word || g.ones&one != 0 {
		return false
	}
	g.ones |= one
	return true
}

// Free does for the group's slots, in the order in which they were put in, what FreeSlot does for one. It
// returns how many became Held: when another freed one of them at the same moment, that one and those
// behind it are the caller's no more, and these Live again.
func (g *StateGroup) Free(slots []Slot) (won int) {
	if len(slots) == 0 {
		return 0
	}
	states := atomic.AddUint32(stateWordAt(g.word), g.ones)
	if (states^allHeld)&(g.ones*0xff) == 0 {
		return len(slots)
	}
	held := func(s Slot) bool { return uint8(states>>byteShift(s.State)) == Held }
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

// allHeld is a word of four states Held.
const allHeld = uint32(Held) * 0x01010101
