package mcentral

import "github.com/spanheap/spanheap/mheap"

// Spans with live blocks give back what lies under their free slots, and become hollow. Who wants that looks
// at one span after the other, by as many calls of Hollow as it takes; a span is held while it gives. The
// lists are a ring to look at, and all who look share one place in it, so that nobody looks again at what
// another has just seen.

// Round returns how many spans there are to look at. If aging is set, all of them become a round older.
func (c *Central) Round(aging bool) (spans int) {
	if !c.begun.Load() {
		return 0
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if aging {
		c.rounds = max(c.rounds+1, 1)
	}
	for i := range c.nonempty {
		spans += int(c.nonempty[i].n)
	}
	return spans
}

// Hollow looks at so many spans, or fewer, for one to which no slot came, and of which none was taken, since
// as many rounds as age, and gives back what it can of it. It returns how many it looked at, 0 if there are
// none, and how many bytes it gave. What the system refuses to take is tried again by the next who looks.
func (c *Central) Hollow(looks int, age uint32) (looked int, gave uintptr) {
	c.heap.StartGiving()
	c.mu.Lock()
	s, vacant, looked := c.find(looks, age)
	if s == nil {
		c.mu.Unlock()
		c.heap.EndGiving()
		return looked, 0
	}
	c.unlist(s)
	s.Held, s.Touched = true, 0
	tail := s.HollowTail()
	c.mu.Unlock()
	gave, all := c.heap.Hollow(s, vacant)
	c.mu.Lock()
	c.hollow += uint64(gave)
	c.tails += uint64(s.HollowTail() - tail)
	touched := s.Touched
	surplus := c.place(s)
	if all {
		s.Touched = touched
	}
	c.mu.Unlock()
	c.heap.EndGiving()
	c.free(surplus)
	return looked, gave
}

// find returns the first of so many spans that is of the age and has something to give, and what, or nil; and
// how many it looked at. The caller holds c.mu.
func (c *Central) find(looks int, age uint32) (s *mheap.Span, vacant uint32, looked int) {
	for looked < looks {
		if s = c.next(); s == nil {
			break
		}
		looked++
		if s.Touched == 0 || c.rounds-s.Touched < age || s.Free() == s.Slots() {
			continue
		}
		if vacant = c.heap.Vacant(s); vacant != 0 {
			return s, vacant, looked
		}
		s.Touched = 0
	}
	return nil, 0, looked
}

// next returns the next span of the ring, or nil if it is empty. The caller holds c.mu.
func (c *Central) next() *mheap.Span {
	for range len(c.nonempty) + 1 {
		if s := c.nonempty[c.looking].walk(); s != nil {
			return s
		}
		c.looking = (c.looking + 1) % len(c.nonempty)
		c.nonempty[c.looking].rewind()
	}
	return nil
}

// restore makes s, which is on a list, hollow no more, and tells whether a limit allowed it. The caller holds
// c.mu.
func (c *Central) restore(s *mheap.Span) bool {
	if s.Hollow() == 0 {
		return true
	}
	c.countHollow(s, -1)
	restored := c.heap.Restore(s) == nil
	c.countHollow(s, 1)
	return restored
}

// countHollow adds what the span has given back to the class's n times. The caller holds c.mu.
func (c *Central) countHollow(s *mheap.Span, n int64) {
	c.hollow += uint64(n * int64(s.Hollow()))
	c.tails += uint64(n * int64(s.HollowTail()))
}

// keep takes a free, hollow span back, of which the system refused to take the rest: it stays as a spare.
func (c *Central) keep(s *mheap.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.count(s, 1)
	c.spares++
	c.room += uint64(s.Free())
	c.nonempty[Occupancies-1].append(s)
	s.List = Occupancies
}
