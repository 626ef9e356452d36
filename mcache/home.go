package mcache

import (
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
)

// A span's slots are those of the cache at its home (mcentral.Taker). What another cache frees of them goes home, if that cache
// is at work. So goroutines that change their Ps have their blocks on spans of the new P soon. But the way home costs more
// than a free: where goroutines change all the time, or one allocates what another frees, most slots stay with who freed
// them. A cache may send home one for homeShare blocks that it allocates, and has savings of mostSavings at first and at
// most. What stayed is a cache's own from then on, whose frees nobody looks at: so with each sample some slots are sorted out
// that lie on a magazine and have another home.

const (
	homeShare   = 64
	mostSavings = 64 << 10
	sortedSlots = 32 // that are looked at for each sample
)

// homing is the slots of a cache that go home, and are not yet sent.
type homing struct {
	count uintptr
	slots [homingSlots]homingSlot
	of    [256]uint8 // how many there are, by span class
	bytes uintptr    // theirs

	savings uintptr                       // how many may go
	counted [mheap.NumSpanClasses]uintptr // the blocks that savings were made for, by span class, in homeShares
}

// homingSlot is a Held slot on its way home.
type homingSlot struct {
	mheap.Slot
	class mheap.SpanClass
}

const (
	homingSlots = 32
	homingBytes = 64 << 10 // with so many no more are
)

func (h *homing) full() bool { return h.count == homingSlots || h.bytes >= homingBytes }

// put adds the slot of the class; there is room.
func (h *homing) put(slot mheap.Slot, class mheap.SpanClass) {
	h.slots[h.count] = homingSlot{slot, class}
	h.count++
	h.of[class]++
	h.bytes += class.Layout().Bytes
	h.savings--
}

// all returns the slots; there are none then.
func (h *homing) all() []homingSlot {
	n := h.count
	h.count, h.bytes, h.of = 0, 0, [len(h.of)]uint8{}
	return h.slots[:n]
}

// affords tells whether c may send a slot home, with what it has earned by blocks of the class.
func (c *Cache) affords(class mheap.SpanClass) bool {
	h := &c.homing
	if earned := c.blocks(class)/homeShare - h.counted[class]; earned > 0 {
		h.counted[class] += earned
		h.savings = min(h.savings+earned, mostSavings)
	}
	return h.savings > 0
}

// isElsewhere tells whether the slot at p, which c has, is of another home, whose cache is at work. A span of one that rests
// c makes its own.
func (s *Set) isElsewhere(c *Cache, p uintptr) bool {
	span := mheap.SpanOf(p)
	switch home := span.Home(); {
	case home == c.home:
		return false
	case s.isOpen(home):
		return true
	}
	span.SetHome(c.home)
	return false
}

// sortOut takes those of the class's slots that c, the caller's, would use next off their magazine which have another home, to be
// sent there; the others keep their order. It tells whether anything is to be sent.
func (s *Set) sortOut(c *Cache, class mheap.SpanClass) bool {
	b := &c.bins[class]
	top := b.top
	b.top -= min(top-b.base, sortedSlots*slotSize)
	for p := b.top; p < top; p += slotSize {
		slot := *slotAt(p)
		if !c.homing.full() && c.affords(class) && s.isElsewhere(c, slot.Addr) {
			c.homing.put(slot, class)
			continue
		}
		*slotAt(b.top) = slot
		b.top += slotSize
	}
	return c.homing.count > 0
}

// leaveAndPost leaves c and sends home what it has for others.
func (s *Set) leaveAndPost(own, c *Cache) {
	var slots [homingSlots]homingSlot
	run := slots[:copy(slots[:], c.homing.all())]
	s.leave(own, c)
	for len(run) > 0 {
		n := s.post(run)
		run = run[n:]
	}
}

// giveBack gives slots to their centrals.
func (s *Set) giveBack(slots []homingSlot) {
	var run [boxSlots]mheap.Slot
	for len(slots) > 0 {
		n, class := 0, slots[0].class
		for n < len(slots) && slots[n].class == class {
			run[n] = slots[n].Slot
			n++
		}
		s.centrals[class].Return(run[:n])
		slots = slots[n:]
	}
}

// taker is c as its centrals see it.
func (s *Set) taker(c *Cache) mcentral.Taker {
	return mcentral.Taker{Home: c.home, AtWork: s.atWork.Load()}
}
