package mcache

import (
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
)

// The slow paths: a magazine that is empty or full, a span that is used up, an owner without a
// cache. They may wait and call the operating system, so they do their work between a Leave and an
// Enter, and look again, since they may be on another P by then.

// enter returns own, a cache that is the caller's already, or else, for nil, what Enter does.
func (s *Set) enter(own *Cache) *Cache {
	if own != nil {
		return own
	}
	return s.Enter(Pin())
}

// again enters anew, where c was: to the cache of the same owner, unless the caller has been moved to
// another P.
func (s *Set) again(own, c *Cache) *Cache {
	if own != nil {
		return own
	}
	return s.enterAgain(c)
}

// leave undoes enter.
func (s *Set) leave(own, c *Cache) {
	if own == nil {
		s.Leave(c)
	}
}

// Alloc returns a Live slot of the class for n bytes: the way when Pop has none. own is the caller's
// own cache, or nil for its P's. The rate is 0 but for a block that is to be sampled, with that rate. The error is
// the operating system's.
func (s *Set) Alloc(own *Cache, class mheap.SpanClass, n uintptr) (addr, rate uintptr, err error) {
	for asked, known := false, own != nil || !wanders; ; {
		c := s.enter(own)
		if c == &nobody {
			s.Leave(c)
			if !s.join() {
				return s.allocDirect(class, n)
			}
			continue
		}
		b := &c.bins[class]
		if !known {
			known = true
			if stack := stackHere(); c.guest.isNew(stack) {
				s.Leave(c)
				s.welcome(c, stack)
				continue
			}
		}
		if !asked && s.wantsMail(c, class) {
			asked = true
			s.collect(own, c)
			continue
		}
		if ripe := c.aside.ripe(); b.top == b.base && b.top != b.end && ripe >= leastRipe {
			home := c.homeAside()
			s.settleSome(own, c, min(ripe, (b.end-b.base)/slotSize))
			s.follow(own, c, home)
			continue
		}
		if b.top == b.base {
			c.dry[class] = true
			b.fill()
		}
		if b.top != b.base {
			p, d := s.popSeen(c, class, n)
			if d.rate != 0 && s.sortOut(c, class) {
				s.leaveAndPost(own, c)
			} else {
				s.leave(own, c)
			}
			if d.tick {
				s.tick()
			}
			return p, d.rate, nil
		}
		span, room := b.span, (b.end-b.base)/slotSize
		b.span = nil
		taker := s.taker(c)
		s.leave(own, c)
		if room < fillRoom(class) && !s.enlarge(own, c, class, room) {
			s.putBack(class, span)
			return s.allocDirect(class, n)
		}
		if err := s.supply(own, c, class, span, (room+1)/2, taker); err != nil {
			return 0, 0, err
		}
	}
}

// popSeen pops a slot of the class, which there is, for n bytes, and makes it Live. It tells what is due.
func (s *Set) popSeen(c *Cache, class mheap.SpanClass, n uintptr) (addr uintptr, d due) {
	if !c.Covers(class, n) {
		d = c.renew(class, n, s.rate.Load(), s.paced.Load())
	}
	addr = c.Next(class)
	c.Take(class, n)
	if d.rate != 0 && c.live != mheap.Live {
		mheap.SetSlotState(slotAt(c.bins[class].top).State, mheap.Live) // who notes a block wants no cache to own it
	}
	return addr, d
}

// maxSupply is how many slots an owner gets from the central at once, beside a span: a run as it was given back.
const maxSupply = maxFill

// supply exchanges the span, which is used up, for some slots or one with room, and leaves them with the
// caller's cache. What lies idle is looked for before: afterwards it would be what the caller has come for.
func (s *Set) supply(own, c *Cache, class mheap.SpanClass, span *mheap.Span, want uintptr, t mcentral.Taker) error {
	s.watch(own)
	var slots [maxSupply]mheap.Slot
	n, span, err := s.centrals[class].Refill(span, slots[:min(want, maxSupply)], t)
	if err != nil {
		return err
	}
	c = s.again(own, c)
	b := &c.bins[class]
	if n > 0 && uintptr(n) <= (b.end-b.top)/slotSize {
		copy(slotsAt(b.top, uintptr(n)), slots[:n])
		b.top += uintptr(n) * slotSize
		b.filled += uintptr(n)
		n = 0
	}
	if c != &nobody && b.span == nil {
		b.span, span = span, nil
	}
	s.leave(own, c)
	if n > 0 {
		s.centrals[class].Return(slots[:n])
	}
	s.putBack(class, span)
	return nil
}

func (s *Set) putBack(class mheap.SpanClass, span *mheap.Span) {
	if span != nil {
		s.centrals[class].Put(span)
	}
}

// Free takes the slot of a freed block of n bytes: Away if it has to wait, since the block was owned, else Held. It is the
// way when Push and PutAside have no room, and makes room for the next ones. A slot that need not wait, as that of a sampled
// block, stays away from a cache that is not at home in its span: what goroutines allocate and free by slow paths, where
// they change Ps, would mix the states that two Ps write to all the time. own is the caller's own cache, or nil for its P's.
func (s *Set) Free(own *Cache, class mheap.SpanClass, addr, state, n uintptr, waits bool) {
	for tried := false; ; {
		c := s.enter(own)
		switch {
		case c == &nobody:
			s.Leave(c)
			if !s.join() {
				s.freeDirect(class, addr, state, n, waits)
				return
			}
		case waits && !c.HasRoomAside():
			s.makeRoomAside(own, c)
		case !c.HasRoom(class) && !class.Large() && !tried:
			tried = true
			s.makeRoom(own, c, class)
		case waits:
			passed := mheap.PassSlot(mheap.Slot{Addr: addr, State: state}, class, c.away)
			switch {
			case passed && class.Large():
				c.putLargeAside(addr, state, mheap.SpanOf(addr).Bytes(), n)
			case passed:
				c.PutAside(class, addr, state, n)
			}
			s.leave(own, c)
			if !passed {
				s.noteDoubleFree(addr)
			}
			return
		default:
			c.bins[class].freed += n
			slot := mheap.Slot{Addr: addr, State: state}
			room := c.HasRoom(class) && !s.isElsewhere(c, addr)
			if room {
				c.put(class, slot)
			}
			s.leave(own, c)
			if !room {
				s.centrals[class].Return([]mheap.Slot{slot})
			}
			return
		}
	}
}

// MakeRoom makes room for a slot of the class on its magazine, or aside, where there is none, if it can. own is the
// caller's own cache, or nil for its P's. number is that of the cache which owns the block that is to be freed, or 0.
func (s *Set) MakeRoom(own *Cache, class mheap.SpanClass, number uint8) {
	switch c := s.enter(own); {
	case c == &nobody:
		s.Leave(c)
		s.join()
	case !c.HasRoom(class):
		s.makeRoom(own, c, class)
	case !c.HasRoomAside():
		s.makeRoomAside(own, c)
		s.follow(own, c, number)
	default:
		s.leave(own, c)
	}
}

// makeRoom makes the full magazine of the class in c, which the caller leaves, larger, or gives a run of its slots to
// the central.
func (s *Set) makeRoom(own, c *Cache, class mheap.SpanClass) {
	b := &c.bins[class]
	room := (b.end - b.base) / slotSize
	if room == 0 || c.mayGrow(class, room) {
		b.filled -= min(b.filled, nextRoom(class, room)-room)
		s.leave(own, c)
		s.enlarge(own, c, class, room)
		return
	}
	b.filled = 0
	var run [maxFill]mheap.Slot
	k := min(room/2, maxFill)
	b.top -= k * slotSize
	copy(run[:], slotsAt(b.top, k))
	s.leave(own, c)
	s.centrals[class].Stash(run[:k])
}

// allocDirect is Alloc past the caches: it takes a slot from the central.
func (s *Set) allocDirect(class mheap.SpanClass, n uintptr) (addr, rate uintptr, err error) {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return 0, 0, mheap.ErrClosed
	}
	var slot [1]mheap.Slot
	if _, err := s.centrals[class].Take(slot[:]); err != nil {
		return 0, 0, err
	}
	s.direct[class].requested.Add(n)
	s.direct[class].allocs.Add(1)
	mheap.SetSlotState(slot[0].State, mheap.Live)
	return slot[0].Addr, s.chance(n), nil
}

// freeDirect gives a slot back to the central, past the caches. See Free.
func (s *Set) freeDirect(class mheap.SpanClass, addr, state, n uintptr, waits bool) {
	if waits {
		if awaitStores(); !mheap.Settle(mheap.Slot{Addr: addr, State: state}, class, mheap.Away) {
			s.noteDoubleFree(addr)
			return
		}
	}
	s.direct[class].requested.Add(-n)
	s.giveRun(class, []mheap.Slot{{Addr: addr, State: state}})
}
