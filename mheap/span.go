package mheap

import (
	"strconv"
	"sync/atomic"
	"unsafe"
)

// Span is the record of a run of pages. It lives off the Go heap, its slots' states behind it.
//
//	state      who may touch it               valid fields            next states
//	free       holder of the page heap's lock  pages, tree             in use, releasing
//	scav       holder of the page heap's lock  pages, tree             in use, free
//	releasing  the goroutine that releases it  pages                   free, scav
//	in use     see the fields                  pages, class, the rest  free, scav
//
// free and releasing spans are backed by memory, scav spans are not: they were given back to the
// operating system or never used, and read zero. Spans that are not in use cover every page of the
// heap that no span in use covers, and no two neighbours are both free or both scav.
//
// Slots are conserved: Taken - Returned = slots live or in the hands of caches, and every slot
// whose state is InSpan is one of the slots - (Taken - Returned) others.
type Span struct {
	// pages: while the span is in use written under the page heap's lock by the owner of a large object
	// that resizes it, and by nobody else; else guarded by the page heap's lock
	base   uintptr
	npages uintptr

	// tree: guarded by the page heap's lock
	left, right, parent *Span
	priority            uint32

	recordBytes uint32 // of this record with its states; immutable
	slots       uint32 // immutable while in use
	class       SpanClass
	state       spanState // written under the page heap's lock
	needZero    bool      // memory may hold old bytes; immutable while in use

	hollow uint32 // the grains that were given back while in use; see hollow.go
	home   uint32 // atomic; written by whoever has one of its slots, or the central's lock

	SlotCounts
}

// SlotCounts is the part of a span's record that the central of its class and the cache that holds
// the span keep. All of it is 0 when the span comes into use.
type SlotCounts struct {
	// guarded by the central's lock
	Next, Prev *Span  // of the central's list that the span is on
	List       uint8  // which list that is
	Held       bool   // a cache takes slots from the span
	Returned   uint32 // slots given back, ever
	Touched    uint32 // when slots last came or went, in the central's time; 0: not since it was found to have nothing to give back

	// the cache's that holds the span, else guarded by the central's lock
	Taken  uint32 // slots taken, ever
	Cursor uint32 // the slots before this one have been looked at since the span was held
}

type spanState uint8

const (
	stateFree spanState = iota + 1
	stateScav
	stateReleasing
	stateInUse
)

func (s spanState) String() string {
	names := [...]string{"no state", "free", "scav", "releasing", "in use"}
	if int(s) < len(names) {
		return names[s]
	}
	return "unknown state " + strconv.Itoa(int(s))
}

// recordSize is the offset of the states behind the record.
const recordSize = (unsafe.Sizeof(Span{}) + metaUnit - 1) &^ (metaUnit - 1)

// Base returns the address of the span's first byte.
func (s *Span) Base() uintptr { return s.base }

// Bytes returns the length of the span.
//
//go:nosplit
func (s *Span) Bytes() uintptr { return s.npages << PageShift }

// Class returns the class of a span in use.
func (s *Span) Class() SpanClass { return s.class }

// Home returns the number of the span's home, up to MaxOwner, or 0 for none: see mcentral.Taker. Of a span that may have
// ended it is some number.
func (s *Span) Home() uint8 { return uint8(atomic.LoadUint32(&s.home)) & ownerBits }

// SetHome gives the span, which is cut into slots, a home. The caller has one of them, or the central's lock.
func (s *Span) SetHome(home uint8) { atomic.StoreUint32(&s.home, uint32(home)) }

// Slots returns how many slots the span is cut into.
func (s *Span) Slots() uint32 { return s.slots }

// NeedZero tells whether the memory may have held something before the span came into use.
func (s *Span) NeedZero() bool { return s.needZero }

// States returns the address of the first slot's state.
func (s *Span) States() uintptr { return s.states() }

// State returns the address of the state of slot i.
func (s *Span) State(i uintptr) uintptr { return s.states() + i }

func (s *Span) states() uintptr { return addressOf(s) + recordSize }

func (s *Span) limit() uintptr { return s.base + s.Bytes() }

// Free returns how many slots lie in the span. It is exact under the central's lock when no cache
// holds the span.
func (s *Span) Free() uint32 { return s.slots - (s.Taken - s.Returned) }
