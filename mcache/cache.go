// Package mcache holds the caches of a heap: per owner (a P) a stack of free slots of each span
// class, a magazine, and the span from which the magazine is filled. What its owner does with a
// cache takes no lock, and no atomic read-modify-write but to free what another cache allocated.
//
// A cache is used only between Enter and Leave, or between Visit and Done: from Pin to Leave the goroutine stays on its
// P by the runtime's leave, from Here to Done because the function gives the scheduler no chance. In between, the
// rules while pinned hold: nothing that waits, calls the operating system, or allocates; a few hundred instructions, or
// microseconds for a run of a batch; and no cache is used after Leave or Done. What needs more leaves first,
// does its work, enters again and looks again, since it may then be on another P.
//
// Slots that are freed go onto the magazine of whoever frees them, set aside for a while if another cache allocated
// the block, and from there to the next allocation on that P, but for some that go home; a magazine that is full gives a run
// of them back to the central. So what a cache holds is bounded, whoever allocates and whoever frees. An owner who has come
// from another P may change caches with that P.
package mcache

import (
	"sync/atomic"

	"github.com/spanheap/spanheap/mheap"
)

// Cache is one owner's slots. It lives off the Go heap and holds no Go pointers. Its owner alone
// writes it, but for its trail and its guest; others read single words.
type Cache struct {
	// What every call looks at is at the front, where the processor finds out whether there is a cache.
	live uint8        // the state of the blocks that it allocates
	own  uint8        // the state of the live blocks that it owns, or noState
	away uint8        // the state of the slots that it sets aside
	_    [64 - 3]byte // so that a bin is a cache line

	bins [256]bin // by span class; of this length so that looking one up needs no check

	aside  aside
	homing homing
	trail  trail        // of the set's lock; see follow
	guest  guest        // written by who comes, also when he is out of it again; unused where the owner is a Local
	id     atomic.Int32 // the number of its owner, or leased; written by who has seized it
	home   uint8        // the number of the spans' home that is its own, and by which it owns blocks, or 0
	spent  uintptr      // of the magazines' budget
	pacing pacing
	large  largeSlots

	ledgers       [mheap.NumSpanClasses]ledger
	ledgerChanges uintptr // odd while one of them changes

	trimmed [mheap.NumSpanClasses]uintptr // the blocks allocated when they were last noted, by trim or half way to it
	dry     [mheap.NumSpanClasses]bool    // whose magazine was found empty since
}

// leased is the owner of caches that Lease makes.
const leased = -1

// owner is the number of the cache's owner.
func (c *Cache) owner() int { return int(c.id.Load()) }

// noState is the state of no slot.
const noState uint8 = 0xff

// bin is one span class of a cache, one cache line where words have 64 bits. The magazine's slots
// lie in [base, top), and there is room up to end. The slot below base is 0, so that who takes the top
// one sees by it that there is none.
type bin struct {
	_              [0]atomic.Uint64 // the meter is read as one, also where words have 32 bits
	meter          meter
	top, base, end uintptr
	freed          uintptr // bytes asked for of the blocks freed here, ever
	span           *mheap.Span
	taken          uintptr // slots taken from spans
	filled         uintptr // slots taken from spans since the magazine last ran full, less what it grew by then
}

// Next returns the address of the slot of the class that Take takes, or 0 when the magazine is empty.
//
//go:nosplit
func (c *Cache) Next(class mheap.SpanClass) uintptr { return slotAt(c.bins[class].top - slotSize).Addr }

// Covers tells whether a block of the class and of n bytes can be taken before the slow path must see one.
//
//go:nosplit
func (c *Cache) Covers(class mheap.SpanClass, n uintptr) bool { return c.bins[class].meter.covers(n) }

// Take takes the next slot of the class, which there is, for n bytes, which Covers covers, and makes it Live.
//
//go:nosplit
func (c *Cache) Take(class mheap.SpanClass, n uintptr) {
	b := &c.bins[class]
	state := slotAt(b.top - slotSize).State
	b.top -= slotSize
	b.meter.take(n)
	mheap.SetSlotState(state, c.live)
}

// Pop takes a slot of the class for n bytes, and makes it Live. It returns the slot's address, or 0
// when the magazine is empty or the slow path must see the block.
//
//go:nosplit
func (c *Cache) Pop(class mheap.SpanClass, n uintptr) uintptr {
	if !c.Covers(class, n) {
		return 0
	}
	p := c.Next(class)
	if p != 0 {
		c.Take(class, n)
	}
	return p
}

// Owns tells whether a block of the state is live, and the cache its own.
//
//go:nosplit
func (c *Cache) Owns(state uint8) bool { return state == c.own }

// LiveState is the state of the blocks that the cache allocates.
func (c *Cache) LiveState() uint8 { return c.live }

// PopRun takes up to count slots of the class for n bytes each: those below top, still Held, the one to use first right below
// it. They are the caller's, where they lie until the cache is used again.
func (c *Cache) PopRun(class mheap.SpanClass, n uintptr, count int) (top *mheap.Slot, taken int) {
	b := &c.bins[class]
	top = slotAt(b.top)
	k := min((b.top-b.base)/slotSize, uintptr(count))
	if !b.meter.covers(k * n) {
		k = b.meter.left() / n
	}
	if k == 0 {
		return nil, 0 // nobody is not written to
	}
	b.top -= k * slotSize
	b.meter.takeRun(k, n)
	return top, int(k)
}

// HasRoom tells whether a slot of the class can be pushed.
//
//go:nosplit
func (c *Cache) HasRoom(class mheap.SpanClass) bool {
	b := &c.bins[class]
	return b.top != b.end
}

// Room returns how many slots of the class can be pushed, for PushRun, and the first of their places: the caller's, until
// the cache is used otherwise.
func (c *Cache) Room(class mheap.SpanClass) (first *mheap.Slot, count int) {
	b := &c.bins[class]
	return slotAt(b.top), int((b.end - b.top) / slotSize)
}

// PushRun puts the first count slots of Room on the magazine: Held ones, of blocks of n bytes in all.
func (c *Cache) PushRun(class mheap.SpanClass, count int, n uintptr) {
	if count == 0 {
		return
	}
	b := &c.bins[class]
	b.top += uintptr(count) * slotSize
	b.freed += n
}

// Push frees the block of n bytes at addr, which the cache owns: it puts its slot on the magazine of the class, which has
// room, and makes it Held.
//
//go:nosplit
func (c *Cache) Push(class mheap.SpanClass, addr, state, n uintptr) {
	b := &c.bins[class]
	s := slotAt(b.top)
	b.top += slotSize
	s.Addr, s.State = addr, state
	b.freed += n
	mheap.SetSlotState(state, mheap.Held)
}

// put puts a Held slot on the magazine of the class, which has room.
//
//go:nosplit
func (c *Cache) put(class mheap.SpanClass, slot mheap.Slot) {
	b := &c.bins[class]
	*slotAt(b.top) = slot
	b.top += slotSize
}

// fill takes slots from the bin's span onto its magazine, which is empty, and tells whether it got
// any.
func (b *bin) fill() bool {
	if b.span == nil {
		return false
	}
	room := (b.end - b.base) / slotSize
	n := b.span.Take(slotsAt(b.base, min((room+1)/2, maxFill)))
	b.taken += uintptr(n)
	b.filled += uintptr(n)
	b.top = b.base + uintptr(n)*slotSize
	return n > 0
}

// maxFill is how many slots are taken from a span in one go, while pinned.
const maxFill = 64

// held is how many slots lie on the bin's magazine. Others than the owner may ask who hold the set's lock; where the owner moves
// the magazine meanwhile it may be any number.
func (b *bin) held() uintptr {
	top, base := load(&b.top), load(&b.base)
	if top < base {
		return 0 // the magazine is being moved
	}
	return (top - base) / slotSize
}
