package spanheap

import (
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Freeing. The size of the block, which its capacity tells, leads to the class it should be of, so
// that the magazine it goes to is known before the page map has said that it is right.

// Free gives back a block of h: b as it was handed out, or any b[:k] of it. nil and blocks of 0
// bytes are left alone. Any goroutine may free any block, once; the caller must not use it after.
//
// Free panics with a *MisuseError when b is no live block of h, and leaves the heap as it was. Of another block, which two
// goroutines freed at one moment, it may tell by a panic as well, when b is freed: see MisuseError.FoundLater.
func (h *Heap) Free(b []byte) { h.freeBlock(addressOf(b), uintptr(cap(b))) }

// freeBlock is Free of the block of n bytes at p. Free is inlined: so its caller need not pass a length that nobody reads.
//
//go:noinline
//go:nosplit
func (h *Heap) freeBlock(p, n uintptr) {
	if n <= sizeclass.MaxSmall {
		raceFree(p, n)
		c := h.caches.Visit(mcache.Here())
		class := mheap.SmallNoscan(n)
		if found := h.key.Find(p); found.Own(p) {
			e := found.Arena().Entry(p)
			if spot := e.Spot(class, p); e.Class() == class && spot.First(class) {
				state := e.StateOf(spot)
				if s := mheap.SlotState(state); c.Owns(s) {
					if c.HasRoom(class) {
						c.Push(class, p, state, n)
						h.caches.Done(c)
						return
					}
				} else if mheap.IsLive(s) && c.HasRoomAside() {
					freed := c.FreeAside(state)
					if freed {
						c.PutAside(class, p, state, n)
					}
					h.caches.Done(c)
					if !freed {
						panic(misuse("Free", DoubleFree, p))
					}
					return
				}
			}
		}
		h.caches.Done(c)
	} else if h.freeLarge(p, n) {
		return
	}
	h.freeBytes(p, n)
}

// freeBytes is freeBlock of the block of n bytes at p where the fast path does not know what to do, or has no room.
func (h *Heap) freeBytes(p, n uintptr) {
	if n != 0 && !(n <= sizeclass.MaxSmall && h.freeMakingRoom("Free", mheap.SmallNoscan(n), p, n)) {
		h.free(nil, "Free", p, n)
	}
}

// freeMakingRoom is freeSized with room made for the block before.
func (h *Heap) freeMakingRoom(op string, class mheap.SpanClass, p, n uintptr) bool {
	a := h.key.ArenaOf(p)
	if a == nil {
		return false
	}
	state := a.Entry(p).LiveSlot(class, p)
	if state == 0 {
		return false
	}
	h.caches.MakeRoom(nil, class, mheap.OwnerOf(mheap.SlotState(state)))
	if !h.freeSized(op, class, p, n) {
		return false
	}
	h.tellOfDoubleFree(op)
	return true
}

// freeSized gives back the block of n bytes at p if it has a slot of the class, is small and live, and the
// P's cache has room for its slot; it tells whether it did.
//
//go:noinline
//go:nosplit
func (h *Heap) freeSized(op string, class mheap.SpanClass, p, n uintptr) bool {
	c := h.caches.Visit(mcache.Here())
	if a := h.key.ArenaOf(p); a != nil {
		e := a.Entry(p)
		if spot := e.Spot(class, p); e.Class() == class && spot.First(class) {
			state := e.StateOf(spot)
			if s := mheap.SlotState(state); c.Owns(s) {
				if c.HasRoom(class) {
					raceFree(p, n)
					c.Push(class, p, state, n)
					h.caches.Done(c)
					return true
				}
			} else if mheap.IsLive(s) && c.HasRoomAside() {
				raceFree(p, n)
				freed := c.FreeAside(state)
				if freed {
					c.PutAside(class, p, state, n)
				}
				h.caches.Done(c)
				if !freed {
					panic(misuse(op, DoubleFree, p))
				}
				return true
			}
		}
	}
	h.caches.Done(c)
	return false
}

// freeLarge gives back the large block of n bytes at p if the P's cache owns it, and has room for it; it tells whether it
// did. For want of room no cache owns the block any more.
//
//go:noinline
//go:nosplit
func (h *Heap) freeLarge(p, n uintptr) (freed bool) {
	if n-sizeclass.MaxSmall-1 >= mcache.MaxCachedLarge-sizeclass.MaxSmall {
		return false
	}
	c := h.caches.Visit(mcache.Here())
	if found := h.key.Find(p); found.Own(p) {
		if e := found.Arena().Entry(p); e.Class() == mheap.LargeNoscan && e.Offset(p) == 0 {
			if state := e.States(); c.Owns(mheap.SlotState(state)) {
				length := e.Span().Bytes()
				if freed = n <= length && c.HasRoomLarge(length); freed {
					raceFree(p, n)
					c.PushLarge(p, state, length, n)
				} else {
					c.Disown(state)
				}
			}
		}
	}
	h.caches.Done(c)
	return freed
}

// Free gives back a block of any heap: the block knows its heap. See Heap.Free.
func Free(b []byte) {
	if cap(b) == 0 {
		return
	}
	h := heapOf(addressOf(b))
	if h == nil {
		panic(misuse("Free", ForeignAddress, addressOf(b)))
	}
	h.Free(b)
}

// free gives back the block at p, for which n bytes were asked: a small slot to own, the caller's own cache, or for nil its
// P's.
func (h *Heap) free(own *mcache.Cache, op string, p, n uintptr) {
	e := h.liveBlock(op, p)
	if h.checks != nil {
		h.freeChecked(op, e, p)
		return
	}
	state, _ := e.Slot(p)
	h.freeSlot(own, op, e, p, state, min(n, blockBytes(e)))
}

// freeSlot gives back the slot at p, whose state was seen allocated.
func (h *Heap) freeSlot(own *mcache.Cache, op string, e mheap.Entry, p, state, n uintptr) {
	raceFree(p, n)
	was, won := h.freeState(p, state)
	if !won {
		panic(misuse(op, DoubleFree, p))
	}
	h.takeBack(own, e, p, state, n, was)
	h.tellOfDoubleFree(op)
}

// takeBack gives the slot at p, of a block of n bytes, whose state was held, to where free slots are. was
// is its state before.
func (h *Heap) takeBack(own *mcache.Cache, e mheap.Entry, p, state, n uintptr, was uint8) {
	switch class := e.Class(); {
	case class == mheap.Guarded:
		h.freeGuarded(p)
	case !class.Large() || mheap.Owned(was):
		h.caches.Free(own, class, p, state, n, mheap.Owned(was))
	case !h.keepLarge(e, p, n):
		h.caches.FreeLarge(e.Span(), n)
	}
}

// keepLarge leaves the large object of n bytes at p, whose state is Held, with the P's cache, if there is
// room; it tells whether there was.
//
//go:noinline
//go:nosplit
func (h *Heap) keepLarge(e mheap.Entry, p, n uintptr) bool {
	length := e.Span().Bytes()
	if e.Class() != mheap.LargeNoscan || length > mcache.MaxCachedLarge {
		return false
	}
	c := h.caches.Visit(mcache.Here())
	room := c.HasRoomLarge(length)
	if room {
		c.PushLarge(p, e.States(), length, n)
	}
	h.caches.Done(c)
	return room
}

// liveBlock returns the page entry of the live block of h that begins at p, or panics.
func (h *Heap) liveBlock(op string, p uintptr) mheap.Entry {
	e, kind := lookUp(p)
	if kind == 0 && mheap.ArenaOf(p).Heap != h.id {
		kind = WrongHeap
	}
	if kind != 0 {
		panic(misuse(op, kind, p))
	}
	return e
}

// lookUp returns the page entry of the live block that begins at p, or what is wrong with p.
func lookUp(p uintptr) (mheap.Entry, MisuseKind) {
	a := mheap.ArenaOf(p)
	if a == nil {
		return 0, ForeignAddress
	}
	e := a.Entry(p)
	if !e.InUse() {
		return e, DoubleFree // what lies in an arena and in no span was given back
	}
	if e.Class() == mheap.Guarded {
		return e, heapOf(p).guards.kind(p)
	}
	state, first := e.Slot(p)
	switch {
	case !first:
		return e, InteriorAddress
	case !mheap.Allocated(mheap.SlotState(state)):
		return e, DoubleFree
	}
	return e, 0
}

// blockBytes returns how many bytes the blocks of the entry's span have.
func blockBytes(e mheap.Entry) uintptr {
	if e.Class().Large() {
		return e.Span().Bytes()
	}
	return e.Class().Layout().Bytes
}

// misuse makes the error for a call with address p.
func misuse(op string, kind MisuseKind, p uintptr) *MisuseError {
	m := &MisuseError{Kind: kind, Op: op, Addr: p}
	if e := mheap.EntryOf(p); e.InUse() {
		s := e.Span()
		m.SpanBase, m.SpanBytes = s.Base(), s.Bytes()
		m.Class, m.ClassSize = className(e.Class()), blockBytes(e)
		m.Block = p - (p-m.SpanBase)%m.ClassSize
		if e.Class() == mheap.Guarded {
			b := heapOf(p).guards.at(p)
			m.Block, m.ClassSize = b.addr, b.size
		}
	}
	m.recall()
	return m
}
