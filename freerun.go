package spanheap

import (
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
)

// freeRun frees blocks while pinned that have their arena, class and capacity in common. All is checked of each that Free
// checks; at the first block that is other than the ones before, or no live one, it stops.
type freeRun struct {
	find  mheap.Finder
	bytes uintptr // of each block
}

// isRow tells whether the first blocks lie beside each other, as where a batch is freed in the order it was made in.
func (r *freeRun) isRow(bs [][]byte) bool {
	reach := 4 * r.find.Class().Layout().Bytes
	return len(bs) > 2 && addressOf(bs[1])-addressOf(bs[0])+reach < 2*reach && addressOf(bs[2])-addressOf(bs[1])+reach < 2*reach
}

// own frees the blocks that head bs as long as c owns them, and puts their slots at place and above, where there is room for
// all. It tells how many. Like Free it is not split.
//
//go:noinline
//go:nosplit
func (r *freeRun) own(c *mcache.Cache, place *mheap.Slot, bs [][]byte) int {
	for i, b := range bs {
		p := addressOf(b)
		if uintptr(cap(b)) != r.bytes || !r.find.Covers(p) {
			return i
		}
		e := r.find.Entry(p)
		if e.Class() != r.find.Class() {
			return i
		}
		spot := r.find.Spot(e.Offset(p))
		if !r.find.First(spot) {
			return i
		}
		state := e.StateOf(spot)
		if !c.Owns(mheap.SlotState(state)) {
			return i
		}
		raceFree(p, r.bytes)
		mheap.SetSlotState(state, mheap.Held)
		place.Addr, place.State = p, state
		place = place.Above()
	}
	return len(bs)
}

// ownRow is own for blocks that lie in a row: the page map is asked about one that lies neither in the page asked about last
// nor in its span's pages before that. For blocks in any order own is faster, without a branch that cannot be foreseen.
//
//go:noinline
//go:nosplit
func (r *freeRun) ownRow(c *mcache.Cache, place *mheap.Slot, bs [][]byte) int {
	var start, known, states uintptr // of the span last asked for: where it begins, how much surely is its, and its states
	for i, b := range bs {
		p := addressOf(b)
		if uintptr(cap(b)) != r.bytes {
			return i
		}
		offset := p - start
		if offset >= known {
			if !r.find.Covers(p) {
				return i
			}
			e := r.find.Entry(p)
			if e.Class() != r.find.Class() {
				return i
			}
			states = e.States()
			offset = e.Offset(p)
			start = p - offset
			known = offset&^(mheap.PageSize-1) + mheap.PageSize
		}
		spot := r.find.Spot(offset)
		if !r.find.First(spot) {
			return i
		}
		state := states + spot.Index()
		if !c.Owns(mheap.SlotState(state)) {
			return i
		}
		raceFree(p, r.bytes)
		mheap.SetSlotState(state, mheap.Held)
		place.Addr, place.State = p, state
		place = place.Above()
	}
	return len(bs)
}

// others frees the blocks that head bs as long as c does not own them and there is room aside. It tells how many.
func (r *freeRun) others(c *mcache.Cache, bs [][]byte) int {
	class := r.find.Class()
	for i, b := range bs {
		p := addressOf(b)
		if uintptr(cap(b)) != r.bytes || !r.find.Covers(p) || !c.HasRoomAside() {
			return i
		}
		e := r.find.Entry(p)
		spot := r.find.Spot(e.Offset(p))
		state := e.StateOf(spot)
		if e.Class() != class || !r.find.First(spot) || c.Owns(mheap.SlotState(state)) || !mheap.IsLive(mheap.SlotState(state)) {
			return i
		}
		raceFree(p, r.bytes)
		if !c.FreeAside(state) {
			return i
		}
		c.PutAside(class, p, state, r.bytes)
	}
	return len(bs)
}
