package mcentral

import (
	"fmt"

	"github.com/spanheap/spanheap/mheap"
)

// Verify checks every span on a list: that it is on the list where it belongs, and that its slots'
// states agree with its counts. It returns how many spans it saw. It takes the central's lock.
func (c *Central) Verify() (listed uint64, err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	spares, room, hollow, tails := 0, uint64(0), uint64(0), uint64(0)
	check := func(l *list, where uint8) error {
		before := listed
		var last *mheap.Span
		for s := l.first; s != nil; last, s = s, s.Next {
			listed++
			switch {
			case listed > c.spans:
				return fmt.Errorf("list loop: class %v: list %d leads beyond the class's %d spans, to %v", c.class, where, c.spans, s)
			case s.Prev != last:
				return fmt.Errorf("list links: class %v: on list %d lies before %v %v", c.class, where, s, s.Prev)
			case s.Class() != c.class:
				return fmt.Errorf("span class: class %v: list %d holds %v", c.class, where, s)
			}
			room += uint64(s.Free())
			hollow += uint64(s.Hollow())
			tails += uint64(s.HollowTail())
			belongs := uint8(emptyList)
			if s.Free() > 0 {
				belongs = occupancy(s.Free(), s.Slots()) + 1
			}
			if err := s.VerifySlots(); err != nil {
				return err
			}
			switch {
			case s.Held:
				return fmt.Errorf("held spans: class %v: list %d holds one that a cache holds: %v", c.class, where, s)
			case s.List != where || belongs != where:
				return fmt.Errorf("list membership: class %v: list %d holds what belongs on list %d: %v", c.class, where, belongs, s)
			case s.Free() == s.Slots():
				spares++
			}
		}
		if listed-before != l.n {
			return fmt.Errorf("list length: class %v: list %d counts %d spans, has %d", c.class, where, l.n, listed-before)
		}
		return nil
	}
	if err := check(&c.empty, emptyList); err != nil {
		return listed, err
	}
	for i := range c.nonempty {
		if err := check(&c.nonempty[i], uint8(i)+1); err != nil {
			return listed, err
		}
	}
	for _, slot := range c.stash.slots[:c.stash.n] {
		if state := mheap.SlotState(slot.State); !mheap.IsHeld(state) {
			return listed, fmt.Errorf("stash: class %v: slot %#x, which should be held, has the state %#x: %v", c.class, slot.Addr, state, mheap.SpanOf(slot.Addr))
		}
	}
	if hollow != c.hollow || tails != c.tails {
		return listed, fmt.Errorf("hollow spans: class %v: counts %d bytes and %d of tails, spans have %d and %d",
			c.class, c.hollow, c.tails, hollow, tails)
	}
	if room != c.room {
		return listed, fmt.Errorf("room: class %v: counts %d slots, the spans on lists have %d", c.class, c.room, room)
	}
	if spares != c.spares {
		return listed, fmt.Errorf("spare spans: class %v: counts %d spare spans, has %d", c.class, c.spares, spares)
	}
	return listed, nil
}
