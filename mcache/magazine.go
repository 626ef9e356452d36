package mcache

import "github.com/spanheap/spanheap/mheap"

// How large a magazine is. It has room for a few slots at first, and doubles: up to fillBytes' worth
// of slots while blocks are only allocated, so that a span is asked less often; beyond that when it
// runs full after it ran empty, at once to all that it was filled with meanwhile, since then a larger one
// saves the way to the central and back, and from there to other owners, beside whose slots its own would
// lie. What magazines have beyond fillBytes, all of a cache's together draw from its budget.
const (
	firstSlots = 8
	leastSlots = 2 // however large the slots
	mostSlots  = 1024

	fillBytes = 16 << 10
	fillSlots = 2 * maxFill

	// runSlots and runBytes are the room that a magazine gets that runs full and empty in turn, however
	// many slots come and go.
	runSlots = 64
	runBytes = 64 << 10

	// budget bounds the bytes of slots that a cache's magazines have room for beyond their fillBytes.
	budget = 6 << 20
	// swingBytes bounds one magazine's part of it.
	swingBytes = 4 << 20
)

// noSlot is the slot below a magazine that has no room.
var noSlot mheap.Slot

// dismantle takes the magazines, which are empty, from c, which is the caller's.
func (s *Set) dismantle(c *Cache) {
	for i := range mheap.NumSpanClasses {
		b := &c.bins[i]
		if room := (b.end - b.base) / slotSize; room > 0 {
			p := b.base - slotSize
			b.unroom()
			s.heap.Meta().Free(p, slotSize+room*slotSize)
		}
	}
	c.spent = 0
}

// init gives c, whose memory is zero, magazines without room, meters without a stretch, and no blocks to own.
func (c *Cache) init() {
	c.own = noState
	for i := range c.bins {
		b := &c.bins[i]
		b.meter = meterOf(0)
		b.unroom()
	}
}

// unroom makes the bin's magazine one without room, which has not run full.
func (b *bin) unroom() {
	b.filled = 0
	b.top = aboveSlot(&noSlot)
	b.base, b.end = b.top, b.top
}

// fillRoom is how many slots a magazine of the class grows to have room for while blocks are only
// allocated.
func fillRoom(class mheap.SpanClass) uintptr {
	return max(leastSlots, min(fillSlots, fillBytes/class.Layout().Bytes))
}

// nextRoom is the room of the magazine that replaces one.
func nextRoom(class mheap.SpanClass, room uintptr) uintptr {
	fill := fillRoom(class)
	if room < fill {
		return min(max(firstSlots, 2*room), fill)
	}
	return min(2*room, mostSlots)
}

// cost is what the cache's budget pays when a magazine grows to the room after its own.
func cost(class mheap.SpanClass, room uintptr) uintptr {
	next, free := nextRoom(class, room), fillRoom(class)
	if next <= free {
		return 0
	}
	return (next - max(room, free)) * class.Layout().Bytes
}

// mayGrow tells whether the full magazine of the class, with some room, should grow: when it took from spans
// since it last was full, more than it has grown by already, and is not yet of the room that makes the way
// to the central rare, or what it took would fit into the largest magazine there may be, so that with enough
// room none of it would have come and gone.
func (c *Cache) mayGrow(class mheap.SpanClass, room uintptr) bool {
	size := class.Layout().Bytes
	largest := min(mostSlots, max(fillRoom(class), swingBytes/size))
	filled := c.bins[class].filled
	if filled == 0 || c.spent+cost(class, room) > budget {
		return false
	}
	return 2*room <= min(runSlots, runBytes/size) || filled <= largest && 2*room <= largest
}

// enlarge gives the caller's cache, which was c, a larger magazine of the class, if the one it has is of the room
// still and its budget allows. It tells whether there was memory.
func (s *Set) enlarge(own, c *Cache, class mheap.SpanClass, room uintptr) bool {
	wanted := nextRoom(class, room)
	p, err := s.heap.Meta().Alloc(slotSize + wanted*slotSize)
	if err != nil {
		return false
	}
	p += slotSize
	spare, spareRoom := p, wanted
	c = s.again(own, c)
	if b := &c.bins[class]; c != &nobody && (b.end-b.base)/slotSize == room && c.spent+cost(class, room) <= budget {
		held := (b.top - b.base) / slotSize
		copy(slotsAt(p, wanted), slotsAt(b.base, held))
		spare, spareRoom = b.base, room
		b.top = p + held*slotSize
		b.base = p
		b.end = p + wanted*slotSize
		c.spent += cost(class, room)
	}
	s.leave(own, c)
	if spareRoom > 0 {
		s.heap.Meta().Free(spare-slotSize, slotSize+spareRoom*slotSize)
	}
	return true
}
