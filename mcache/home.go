package mcache

import (
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
)

// A span's slots are those of one cache, its home (mcentral.Taker). What another cache frees of them goes home, if that cache
// is at work: by a few at a time, since it is the way there that costs. So goroutines that change their Ps have their blocks
// on spans of the new P soon. Where they change all the time, or one allocates what another frees, most slots stay with
// who freed them: a cache sends home one in homeShare of the blocks that it allocates, and has saved up mostHomed of a class
// at most.

const (
	homeShare = 64
	mostHomed = 16 << 10
)

// homing is the slots of a cache that go home, and are not yet sent.
type homing struct {
	count uintptr
	slots [homingSlots]homingSlot
	of    [256]uint8                    // how many there are, by span class
	sent  [mheap.NumSpanClasses]uintptr // how many went, less those that were not saved up for
}

// homingSlot is a Held slot on its way home.
type homingSlot struct {
	mheap.Slot
	class mheap.SpanClass
}

const homingSlots = 32

func (h *homing) full() bool { return h.count == homingSlots }

// put adds the slot of the class; there is room.
func (h *homing) put(slot mheap.Slot, class mheap.SpanClass) {
	h.slots[h.count] = homingSlot{slot, class}
	h.count++
	h.of[class]++
	h.sent[class]++
}

// all returns the slots; there are none then.
func (h *homing) all() []homingSlot {
	n := h.count
	h.count = 0
	h.of = [len(h.of)]uint8{}
	return h.slots[:n]
}

// affords tells whether c may send a slot of the class home.
func (c *Cache) affords(class mheap.SpanClass) bool {
	saved := c.bins[class].allocs/homeShare - c.homing.sent[class]
	if saved > mostHomed {
		c.homing.sent[class] += saved - mostHomed
	}
	return saved > 0
}

// hasHome tells whether the slot at p, which c has, is of another home, which is at work.
func (s *Set) hasHome(c *Cache, p uintptr) bool {
	home := mheap.SpanOf(p).Home()
	return home != c.number && s.isOpen(home)
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
	for i := range slots {
		s.centrals[slots[i].class].Return([]mheap.Slot{slots[i].Slot})
	}
}

// taker is c as its centrals see it.
func (s *Set) taker(c *Cache) mcentral.Taker {
	return mcentral.Taker{Number: c.number, AtWork: s.atWork.Load()}
}
