package mheap

import "sync/atomic"

// The life of a tiny slot: 16 bytes that blocks under 8 bytes share. Its state is a word of four
// bytes:
//
//	0  the slot's state, as any slot's: Live while the slot is shared out
//	1  allocated: bit i is set when a block that begins at byte 2i was handed out
//	2  freed: bit i is set when that block was freed
//	3  closed: 1 when no more blocks will be handed out
//
// The cache that shares out the slot alone writes byte 1, by plain stores. Bytes 2 and 3 change by
// compare-and-swap of the word. Who makes a closed slot's freed equal its allocated, be it the last
// free or the close, owns the slot, which is Live still, and frees it.
const tinyAllocated = 1

const tinyGrain = 2 // blocks begin at multiples of this

// tinyWord is the word as a number. Its bytes stand in the machine's order.
type tinyWord uint32

const (
	tinyStateShift     = wordFirst
	tinyAllocatedShift = wordFirst ^ 8*tinyAllocated
	tinyFreedShift     = wordFirst ^ 8*2
	tinyClosedShift    = wordFirst ^ 8*3
)

func tinyWordAt(state uintptr) tinyWord { return tinyWord(atomic.LoadUint32(stateWordAt(state))) }

//go:nosplit
func (w tinyWord) live() bool { return uint8(w>>tinyStateShift) == Live }

//go:nosplit
func (w tinyWord) allocated() uint8 { return uint8(w >> tinyAllocatedShift) }

//go:nosplit
func (w tinyWord) freed() uint8 { return uint8(w >> tinyFreedShift) }

// done tells whether the slot is closed and all its blocks are freed.
//
//go:nosplit
func (w tinyWord) done() bool {
	return uint8(w>>tinyClosedShift) == 1 && uint8(w>>tinyFreedShift) == uint8(w>>tinyAllocatedShift)
}

// TinyBytes returns how many bytes a tiny block of n gets: 2, 4 or 8, to whose multiple it is aligned.
//
//go:nosplit
func TinyBytes(n uintptr) uintptr { return uintptr(tinyBytes[n%uintptr(len(tinyBytes))]) }

var tinyBytes = [TinyMax + 1]uint8{2, 2, 2, 4, 4, 8, 8, 8}

// OpenTiny makes a slot that is the caller's Live, and begins to share it out.
//
//go:nosplit
func OpenTiny(state uintptr) { *stateWordAt(state) = uint32(Live) << tinyStateShift }

// AllocTiny notes that the block at offset in the slot is handed out. The caller shares it out.
//
//go:nosplit
func AllocTiny(state, offset uintptr) {
	*byteAt(state + tinyAllocated) |= 1 << (offset / tinyGrain)
}

// CloseTiny ends the sharing out, and tells whether all blocks have been freed: then the caller
// owns the slot.
//
//go:nosplit
func CloseTiny(state uintptr) (done bool) {
	word := stateWordAt(state)
	for {
		old := atomic.LoadUint32(word)
		closed := old | 1<<tinyClosedShift
		if atomic.CompareAndSwapUint32(word, old, closed) {
			return tinyWord(closed).done()
		}
	}
}

// FreeTiny frees the block at offset in the slot. It tells whether the block was live, and whether
// the slot's last block is gone: then the caller owns the slot.
//
//go:nosplit
func FreeTiny(state, offset uintptr) (live, done bool) {
	word, block := stateWordAt(state), uint8(1)<<(offset/tinyGrain)
	for {
		old := atomic.LoadUint32(word)
		if w := tinyWord(old); w.allocated()&^w.freed()&block == 0 || offset%tinyGrain != 0 || !w.live() {
			return false, false
		}
		freed := old | uint32(block)<<tinyFreedShift
		if atomic.CompareAndSwapUint32(word, old, freed) {
			return true, tinyWord(freed).done()
		}
	}
}

// TinyLive tells whether a live block begins at offset in the slot.
func TinyLive(state, offset uintptr) bool {
	w := tinyWordAt(state)
	return w.live() && offset%tinyGrain == 0 && w.allocated()&^w.freed()>>(offset/tinyGrain)&1 != 0
}

// TinyBlocks returns how many live blocks share the slot.
func TinyBlocks(state uintptr) (n int) {
	for offset := uintptr(0); offset < TinySlot; offset += tinyGrain {
		if TinyLive(state, offset) {
			n++
		}
	}
	return n
}

// TinyState returns the address of the state of the tiny slot that p lies in. The page belongs to a span
// of tiny slots.
//
//go:nosplit
func (e Entry) TinyState(p uintptr) uintptr {
	return uintptr(e>>16) + e.Offset(p)/TinySlot<<tinyStride
}

// tinyStride is the shift from a tiny slot's number to the offset of its state.
const tinyStride = 2

// TinyBlock returns the block handed out last at or before offset in the slot: where it begins, how
// many bytes it has, and whether it is live. Blocks are handed out from the slot's end to its start
// with no more space between them than their alignment asks for, so that the distance from one to
// the next tells its length.
func TinyBlock(state, offset uintptr) (start, size uintptr, live bool) {
	allocated := tinyWordAt(state).allocated()
	start = offset &^ (tinyGrain - 1)
	for start > 0 && allocated>>(start/tinyGrain)&1 == 0 {
		start -= tinyGrain
	}
	next := start + tinyGrain
	for next < TinySlot && allocated>>(next/tinyGrain)&1 == 0 {
		next += tinyGrain
	}
	switch distance := next - start; {
	case distance < 4:
		size = 2
	case distance < 8:
		size = 4
	default:
		size = 8
	}
	return start, size, TinyLive(state, start)
}
