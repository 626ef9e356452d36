package mcentral

import "github.com/spanheap/spanheap/mheap"

// Which span a cache gets to take slots from. The states of a span's slots lie side by side, and two processors that write
// to one line of them wait for each other with every write. So a span has a home, whose cache has its slots for
// itself, and other caches at work get another span, or a new one. The idea is mimalloc's, whose pages belong to a thread
// (Leijen, Zorn and de Moura, Mimalloc: Free List Sharding in Action, 2019); here it gives way where it would cost memory:
// where many of the class's slots are free, or the heap is above its soft limit or can have no more, anyone gets any.

// Taker is who takes slots: a cache by the number of its home, or 0 for none. AtWork has a bit for each home whose cache is
// at work: what is of the others may be anyone's.
type Taker struct {
	Home   uint8
	AtWork uint64
}

// mayUse tells whether what is of the home is free to the taker.
func (t Taker) mayUse(home uint8) bool { return home == t.Home || t.AtWork>>home&1 == 0 }

// mostLooked is how many spans of each list are looked at for one that the taker may use.
const mostLooked = 8

// pick takes the fullest span with room that the taker may use off its list, as far as it looks, and makes it held. A
// hollow one is passed over that a limit keeps from being restored. The caller holds c.mu.
func (c *Central) pick(t Taker) *mheap.Span {
	for i := range c.nonempty {
		s := c.nonempty[i].first
		for looked := 0; s != nil && looked < mostLooked; looked++ {
			if (t.mayUse(s.Home()) || s.Free() == s.Slots()) && c.restore(s) {
				return c.hold(s, t)
			}
			s = s.Next
		}
	}
	return nil
}

// pickAny is pick without regard to homes, with the emptiest span first: there the fewest slots are another's.
func (c *Central) pickAny(t Taker) *mheap.Span {
	for i := Occupancies - 1; i >= 0; i-- {
		if s := c.nonempty[i].first; s != nil && c.restore(s) {
			return c.hold(s, t)
		}
	}
	return nil
}

// hold makes s, which is on a list of those with room, held by the taker, whose home it is from now on.
func (c *Central) hold(s *mheap.Span, t Taker) *mheap.Span {
	c.unlist(s)
	if s.Free() == s.Slots() {
		c.spares--
	}
	s.Held = true
	s.SetHome(t.Home)
	s.Rewind()
	return s
}

// A class is roomy with so many spans' slots free, and one in roomyShare of all besides.
const (
	roomySpans = 4
	roomyShare = 8
)

// roomy tells whether about so many of the class's slots are in its spans.
func (c *Central) roomy() bool {
	const parts = 2 * Occupancies // of a span
	free := uint64(0)             // parts
	for i := range c.nonempty {
		free += c.nonempty[i].n * uint64(2*i+1)
	}
	return free >= roomySpans*parts+c.spans*parts/roomyShare
}
