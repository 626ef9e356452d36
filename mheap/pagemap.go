package mheap

import (
	"sync/atomic"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/sizeclass"
)

// The page map leads from any address to the span that holds it, without a lock.
//
// One index serves the whole process: the number of an arena leads to its record, the number of a
// page in the arena to the page's entry. What is not in an arena of a heap has no record; what is
// in no span has the entry 0. Entries are written under the lock of the arena's heap, before the
// span's first block is handed out and after its last is back; so a reader that holds a live block
// reads the entry of the block's span, and a reader that holds anything else reads some entry or
// none, and the span's slot states tell it the rest.

const (
	PageShift = sizeclass.PageShift
	PageSize  = sizeclass.PageSize

	pagesPerArena = arena.Size >> PageShift
)

// Arena is the record of one arena of a heap. It lives off the Go heap, as long as the heap.
type Arena struct {
	entries [pagesPerArena]uint64 // atomic, first as every free wants one; written under the heap's lock
	Heap    uint32                // number of the heap that owns the arena; immutable
	region  arena.Region          // guarded by the heap's lock
	density                       // guarded by the heap's lock
}

// Entry tells of one page which span it belongs to:
//
//	bits 16..63  address of the span's slot states, which its record precedes
//	bits  8..15  which of the span's pages it is (255: the 256th or later)
//	bits  0..7   the span's class, or classFree
type Entry uint64

// classFree in an entry marks the first and the last page of a span that is not in use.
const classFree SpanClass = 255

// ArenaOf returns the record of the arena that holds address p, or nil when no heap owns it.
func ArenaOf(p uintptr) *Arena {
	i := indexOf(p)
	if i >= uintptr(len(arenaIndex)) {
		return nil
	}
	record := recordIn(atomic.LoadUintptr(&arenaIndex[i]))
	if record == 0 {
		return nil
	}
	return arenaAt(record)
}

// Key is a heap's number in the form in which the arena index is asked for the heap's own arenas.
type Key uintptr

// ArenaOf returns the record of the key's heap's arena that holds address p, or nil.
//
//go:nosplit
func (k Key) ArenaOf(p uintptr) *Arena {
	f := k.Find(p)
	if !f.Own(p) {
		return nil
	}
	return f.Arena()
}

// Arena returns the record of the arena of the key's heap that was found.
//
//go:nosplit
func (f Found) Arena() *Arena { return arenaAt(uintptr(f)) }

// Entry returns the entry of the page that holds p, which lies in a.
//
//go:nosplit
func (a *Arena) Entry(p uintptr) Entry {
	return entryIn(&a.entries[p>>PageShift&(pagesPerArena-1)])
}

// EntryOf returns the entry of the page that holds p: 0 when p is in no span.
func EntryOf(p uintptr) Entry {
	a := ArenaOf(p)
	if a == nil {
		return 0
	}
	return a.Entry(p)
}

// Class returns the class of the page's span.
//
//go:nosplit
func (e Entry) Class() SpanClass { return SpanClass(e) }

// Offset returns how far p lies behind the start of its span. Beyond the span's first 255 pages it
// is too small, but never 0.
//
//go:nosplit
func (e Entry) Offset(p uintptr) uintptr {
	return p&(PageSize-1) + uintptr(e)>>8&0xff<<PageShift
}

// Slot returns the address of the state of the slot that p lies in, and whether it begins at p. The
// page belongs to a span in use.
func (e Entry) Slot(p uintptr) (state uintptr, first bool) {
	l := e.Class().Layout()
	i, first := l.Slot(e.Offset(p))
	return uintptr(e>>16) + i, first
}

// Spot is where an address lies in a span of slots: 32 bits of the slot's number, and 32 of how far behind the
// slot's start, in parts of its length.
type Spot uint64

// Spot returns where p lies in the page's span, which is of the class, one of small slots.
//
//go:nosplit
func (e Entry) Spot(class SpanClass, p uintptr) Spot {
	return Spot(uint64(e.Offset(p)) * magics[class])
}

// First tells whether a slot of the class begins at the spot; in a class without small slots none does.
//
//go:nosplit
func (s Spot) First(class SpanClass) bool { return uint32(s) < uint32(magics[class]) }

// Index returns the slot's number.
//
//go:nosplit
func (s Spot) Index() uintptr { return uintptr(s >> 32) }

// StateOf returns the address of the state of the slot of a spot in the page's span.
//
//go:nosplit
func (e Entry) StateOf(s Spot) uintptr { return e.States() + s.Index() }

// has tells whether the page is of a span of the class, with the slot among its slots.
func (e Entry) has(s Slot, class SpanClass) bool {
	return e.Class() == class && e.StateOf(e.Spot(class, s.Addr)) == s.State
}

// LiveSlot returns the address of the state of the slot that begins at p, or 0 unless the page's
// span is of the class, one of small slots, and a slot begins at p and is Live.
//
//go:nosplit
func (e Entry) LiveSlot(class SpanClass, p uintptr) uintptr {
	if spot := e.Spot(class, p); e.Class() == class && spot.First(class) {
		if state := e.StateOf(spot); IsLive(SlotState(state)) {
			return state
		}
	}
	return 0
}

// Finder finds slots of one class in one arena, with what it needs of both at hand.
type Finder struct {
	arena *Arena
	start uintptr // of the arena
	magic uint64
	class SpanClass
}

// Aim makes f find the slots of the class, one of small slots, in a; p is any address there. It writes f in place: a copy, by
// wider words than those just written, would wait until these are stored.
func (f *Finder) Aim(a *Arena, class SpanClass, p uintptr) {
	f.arena = a
	f.start = p &^ (arena.Size - 1)
	f.magic = magics[class]
	f.class = class
}

// Covers tells whether p lies in the arena.
//
//go:nosplit
func (f *Finder) Covers(p uintptr) bool { return p-f.start < arena.Size }

// Entry returns the entry of the page that holds p, which the finder covers.
//
//go:nosplit
func (f *Finder) Entry(p uintptr) Entry { return entryIn(&f.arena.entries[(p-f.start)>>PageShift]) }

// Class returns the finder's class.
//
//go:nosplit
func (f *Finder) Class() SpanClass { return f.class }

// Spot returns which spot lies so far behind the start of a span of the class.
//
//go:nosplit
func (f *Finder) Spot(offset uintptr) Spot { return Spot(uint64(offset) * f.magic) }

// First tells whether a slot of the class begins at the spot.
//
//go:nosplit
func (f *Finder) First(s Spot) bool { return uint32(s) < uint32(f.magic) }

// States returns the address of the states of the page's span, which is in use: for a large object, of
// its one slot's state.
//
//go:nosplit
func (e Entry) States() uintptr { return uintptr(e >> 16) }

// InUse tells whether the page belongs to a span in use.
func (e Entry) InUse() bool { return e != 0 && e.Class() != classFree }

// Span returns the record of the page's span, in use or not, or nil.
//
//go:nosplit
func (e Entry) Span() *Span {
	if e == 0 {
		return nil
	}
	return spanAt(uintptr(e>>16) - recordSize)
}

// SpanOf returns the span in use that holds address p, or nil. The caller holds a live block of
// that span or something else that keeps the span from ending.
func SpanOf(p uintptr) *Span {
	if e := EntryOf(p); e.InUse() {
		return e.Span()
	}
	return nil
}

// publish makes the arena known to ArenaOf. It tells whether the index covers the arena.
func (a *Arena) publish() bool {
	i := indexOf(a.region.Base)
	if i >= uintptr(len(arenaIndex)) {
		return false
	}
	atomic.StoreUintptr(&arenaIndex[i], placeOf(addressOfArena(a), a.Heap))
	return true
}

// retract makes the arena unknown again, if it was known.
func (a *Arena) retract() {
	if i := indexOf(a.region.Base); i < uintptr(len(arenaIndex)) {
		atomic.StoreUintptr(&arenaIndex[i], 0)
	}
}

// mapPages writes the entries of the pages of s, a span in use, from the one with a number on.
func (s *Span) mapPages(first uintptr) {
	states := Entry(s.states()) << 16
	for i := first; i < s.npages; i++ {
		setEntry(s.base+i<<PageShift, states|Entry(min(i, 255))<<8|Entry(s.class))
	}
}

// unmapSpan clears the entries of all pages of s, which goes out of use.
func (s *Span) unmapSpan() {
	for i := uintptr(0); i < s.npages; i++ {
		setEntry(s.base+i<<PageShift, 0)
	}
}

// mapEdges writes the entries of the first and the last page of s, which is not in use, so that
// its neighbours find it.
func (s *Span) mapEdges() { s.setEdges(Entry(s.states())<<16 | Entry(classFree)) }

// unmapEdges undoes mapEdges.
func (s *Span) unmapEdges() { s.setEdges(0) }

func (s *Span) setEdges(e Entry) {
	setEntry(s.base, e)
	setEntry(s.limit()-PageSize, e)
}

func setEntry(p uintptr, e Entry) {
	atomic.StoreUint64(&ArenaOf(p).entries[p>>PageShift&(pagesPerArena-1)], uint64(e))
}
