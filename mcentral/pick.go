package mcentral

import "github.com/spanheap/spanheap/mheap"

// Which span a cache gets to take slots from. The states of a span's slots lie side by side, and two processors that write
// to one line of them wait for each other with every write. So a span has a home, whose cache has its slots for
// itself, and other caches at work get another span, or a new one. The idea is mimalloc's, whose pages belong to a thread
// (Leijen, Zorn and de Moura, Mimalloc: Free List Sharding in Action, 2019); here it gives way where it would cost memory:
// where many of the class's slots are free, or the heap is above its soft limit or can have no more, anyone gets any.

// Taker is who takes slots: a cache by the number of its home, or 0 for none. AtWork has a bit for each home whose cache is
// at work: what is of the others may be anyone's. So Taker{} may have any slots.
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

// pickAny is pick without regard to homes, with the emptiest span first, where the fewest slots are another's, and hollow
// ones last.
func (c *Central) pickAny(t Taker) *mheap.Span {
	for _, hollow := range []bool{false, true} {
		for i := Occupancies - 1; i >= 0; i-- {
			if s := c.nonempty[i].first; s != nil && s.Hollow() > 0 == hollow && c.restore(s) {
				return c.hold(s, t)
			}
		}
	}
	return nil
}

// hold makes s, which is on a list of those with room, held by the taker, whose home it is from now on if he has one.
func (c *Central) hold(s *mheap.Span, t Taker) *mheap.Span {
	c.unlist(s)
	if s.Free() == s.Slots() {
		c.spares--
	}
	s.Held = true
	if t.Home != 0 {
		s.SetHome(t.Home)
	}
	s.Rewind()
	return s
}

// A class is roomy with as many slots in spans with room as so many of its shortest spans have, and one in roomyShare of all
// besides.
const (
	roomySpans = 4
	roomyShare = 4
)

func (c *Central) roomy() bool {
	return c.room >= roomySpans*uint64(c.class.Layout().Slots)+c.slots/roomyShare
}
