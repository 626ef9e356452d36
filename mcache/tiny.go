package mcache

import "github.com/spanheap/spanheap/mheap"

// tinyBlock is the slot that a cache shares out to tiny blocks, from its end to its start.
type tinyBlock struct {
	addr, state uintptr
	left        uintptr // bytes before the ones handed out; 0 when there is no slot
	frees       uintptr // tiny blocks freed here
}

// HasTiny tells whether the slot that is being shared out has room for a block of n bytes.
//
//go:nosplit
func (c *Cache) HasTiny(n uintptr) bool { return c.tiny.left >= mheap.TinyBytes(n) }

// TakeTiny takes n bytes, TinyMax at most, from the slot that is being shared out, which has room, and which the
// countdown covers. They are aligned to their number rounded up to a power of two.
//
//go:nosplit
func (c *Cache) TakeTiny(n uintptr) uintptr {
	t, b, size := &c.tiny, &c.bins[mheap.Tiny], mheap.TinyBytes(n)
	t.left = (t.left - size) &^ (size - 1)
	mheap.AllocTiny(t.state, t.left)
	b.requested += n
	b.allocs++
	c.countdown -= n
	return t.addr + t.left
}

// NextTiny shares out another slot, from the magazine, and ends the sharing out of the one before, whose blocks
// may all be gone: then it is the magazine's next. It tells whether there was a slot.
//
//go:nosplit
func (c *Cache) NextTiny() bool {
	b := &c.bins[mheap.Tiny]
	if b.top == b.base {
		return false
	}
	b.top -= slotSize
	next, t := slotAt(b.top), &c.tiny
	addr, state := t.addr, t.state
	t.addr, t.state, t.left = next.Addr, next.State, mheap.TinySlot
	mheap.OpenTiny(t.state)
	if addr != 0 && mheap.CloseTiny(state) {
		c.keepTiny(addr, state)
	}
	return true
}

// PopTiny takes n bytes as TakeTiny does, from the magazine's next slot where the one before has no room. It returns
// 0 when the magazine has none either, or the countdown has run out.
func (c *Cache) PopTiny(n uintptr) uintptr {
	if !c.Covers(n) || !c.HasTiny(n) && !c.NextTiny() {
		return 0
	}
	return c.TakeTiny(n)
}

// PushTiny counts the free of a tiny block of n bytes, and when it was the last of the slot at addr, puts
// the slot on the magazine, which has room.
//
//go:nosplit
func (c *Cache) PushTiny(addr, state, n uintptr, last bool) {
	c.bins[mheap.Tiny].requested -= n
	c.tiny.frees++
	if last {
		c.keepTiny(addr, state)
	}
}

// keepTiny puts a slot whose blocks are all gone on the magazine.
//
//go:nosplit
func (c *Cache) keepTiny(addr, state uintptr) {
	mheap.SetSlotState(state, mheap.Held)
	b := &c.bins[mheap.Tiny]
	s := slotAt(b.top)
	s.Addr, s.State = addr, state
	b.top += slotSize
}

// AllocTiny returns n bytes, TinyMax at most, for a noscan block: the way when PopTiny has none. A
// new slot is shared out from now on, and the one before is closed, unless the block has a slot of its
// own because it is to be sampled, with the rate then. own is the caller's own cache, or nil for its P's.
// The error is the operating system's.
func (s *Set) AllocTiny(own *Cache, n uintptr) (addr, rate uintptr, err error) {
	c := s.enter(own)
	addr = c.PopTiny(n)
	s.leave(own, c)
	if addr != 0 {
		return addr, 0, nil
	}
	addr, rate, err = s.Alloc(own, mheap.Tiny, n) // the slot, and the count of its first block
	if err != nil || rate != 0 {
		return addr, rate, err
	}
	state, _ := mheap.EntryOf(addr).Slot(addr)
	left := mheap.TinySlot - mheap.TinyBytes(n)
	mheap.OpenTiny(state)
	mheap.AllocTiny(state, left)

	t := tinyBlock{addr: addr, state: state, left: left}
	c = s.enter(own)
	if c != &nobody {
		t.frees = c.tiny.frees
		c.tiny, t = t, c.tiny
	}
	s.leave(own, c)
	s.closeTiny(own, t)
	return addr + left, 0, nil
}

// FreeTiny frees the tiny block of n bytes at addr, whose slot's state is at state. It tells
// whether the block was live. own is the caller's own cache, or nil for its P's.
func (s *Set) FreeTiny(own *Cache, addr, state, n uintptr) bool {
	live, last := mheap.FreeTiny(state, addr%mheap.TinySlot)
	if !live {
		return false
	}
	c := s.enter(own)
	if c != &nobody {
		c.bins[mheap.Tiny].requested -= n
		c.tiny.frees++
	} else {
		s.direct[mheap.Tiny].requested.Add(-n)
		s.direct[mheap.Tiny].frees.Add(1)
	}
	s.leave(own, c)
	if last {
		s.freeTinySlot(own, addr&^(mheap.TinySlot-1), state)
	}
	return true
}

// closeTiny ends the sharing out of the slot, if t has one.
func (s *Set) closeTiny(own *Cache, t tinyBlock) {
	if t.addr != 0 && mheap.CloseTiny(t.state) {
		s.freeTinySlot(own, t.addr, t.state)
	}
}

// freeTinySlot frees a slot whose blocks are all gone.
func (s *Set) freeTinySlot(own *Cache, addr, state uintptr) {
	mheap.FreeExactly(state, mheap.Live)
	s.Free(own, mheap.Tiny, addr, state, 0, false)
}
