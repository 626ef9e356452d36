package mcache

import (
	"time"

	"github.com/spanheap/spanheap/mheap"
)

// Blocks that this cache freed and did not allocate are set aside, Away, before their slots are used again. Their own
// cache frees by a plain store. Were it freeing one of them too, at the same moment, the store might still be on its
// way: the slot would be the own cache's, and must not be handed out here. So a slot waits until asideWait others were set
// aside, which takes many times as long as any store; then it is ripe, and its state tells whose it is.

// aside is the slots that wait, the oldest first.
type aside struct {
	count   uintptr
	room    uintptr // how many more there may be; 0 in a cache that is nobody's
	bytes   uintptr // what was asked for of their blocks
	large   uintptr // the length in bytes of the large objects among them
	settled uintptr // what was asked for of small blocks whose slots have waited, ever
	slots   [asideSlots]asideSlot
	of      [256]uint8 // how many there are, by span class
}

// asideSlot is the slot of a block of n bytes.
type asideSlot struct {
	addr, state uintptr
	n           uint32
	class       mheap.SpanClass
	pages       uint8 // of a large object
}

// length is how many bytes a large object has; 0 of others.
func (x *asideSlot) length() uintptr {
	if !x.class.Large() {
		return 0
	}
	return uintptr(x.pages) << mheap.PageShift
}

const (
	asideSlots = 128
	asideWait  = asideSlots / 2
	asideBytes = 1 << 20 // with more bytes aside no more are
)

// longestStore is longer than any store takes from its instruction to where others see it.
const longestStore = time.Microsecond

// HasRoomAside tells whether a slot can be put aside.
//
//go:nosplit
func (c *Cache) HasRoomAside() bool { return c.aside.room != 0 }

// FreeAside frees the block at the state, which was seen live, for PutAside, and tells whether it was live still.
//
//go:nosplit
func (c *Cache) FreeAside(state uintptr) bool { return mheap.FreeSlot(state, c.away) }

// PutAside keeps the slot, as FreeAside left it, of a block of n bytes until it can be used; there is room.
//
//go:nosplit
func (c *Cache) PutAside(class mheap.SpanClass, addr, state, n uintptr) {
	a := &c.aside
	s := &a.slots[a.count%asideSlots]
	s.addr, s.state, s.n, s.class = addr, state, uint32(n), class
	a.count++
	a.of[class]++
	a.room--
	if a.bytes += n; a.bytes > asideBytes {
		a.room = 0
	}
	c.bins[class].freed += n
}

// putLargeAside is PutAside for a large noscan object of the length in bytes, MaxCachedLarge at most.
func (c *Cache) putLargeAside(addr, state, length, n uintptr) {
	a := &c.aside
	a.slots[a.count%asideSlots].pages = uint8(length >> mheap.PageShift)
	a.large += length
	c.PutAside(mheap.LargeNoscan, addr, state, n)
}

// ripe is how many slots have waited long enough.
func (a *aside) ripe() uintptr { return a.count - min(a.count, asideWait) }

// leastRipe is how many slots must be ripe for an allocation whose magazine is empty to settle some. It settles no more than
// go onto that one: others would go to the central, and from there come to lie beside another owner's slots.
const leastRipe = 8

// makeRoomAside settles slots of c, which the caller leaves, where there is no room for more: the ripe ones, or, where it is
// large ones that are too many bytes, all, after a microsecond.
func (s *Set) makeRoomAside(own, c *Cache) {
	most := c.aside.ripe()
	if c.aside.bytes > asideBytes {
		awaitStores() // pinned as it is, which takes less than to leave and to look what changed meanwhile
		most = c.aside.count
	}
	s.settleSome(own, c, most)
}

// settleSome puts the oldest slots that wait in c, which the caller leaves, on their magazines. Where one is
// full its class's next ones go to the central, and those behind them wait on.
func (s *Set) settleSome(own, c *Cache, most uintptr) {
	var run [maxFill]mheap.Slot
	n, class := s.settle(c, most, &run)
	if c.homing.full() {
		s.leaveAndPost(own, c)
	} else {
		s.leave(own, c)
	}
	if n > 0 {
		s.stash(class, run[:n])
	}
}

// settle takes up to most slots out of c, the caller's, that have waited, until no more can go home before the caller posts
// what does. What no magazine has room for is in run, n slots of one class.
func (s *Set) settle(c *Cache, most uintptr, run *[maxFill]mheap.Slot) (n int, class mheap.SpanClass) {
	a := &c.aside
	settled, small := uintptr(0), uintptr(0)
	for ; settled < most && !c.homing.full(); settled++ {
		x := &a.slots[settled]
		room := !x.class.Large() && c.HasRoom(x.class)
		if !room && n > 0 && (x.class != class || n == len(run)) {
			break
		}
		a.bytes -= uintptr(x.n)
		a.of[x.class]--
		a.large -= x.length()
		if !x.class.Large() {
			small += uintptr(x.n)
		}
		switch slot := (mheap.Slot{Addr: x.addr, State: x.state}); {
		case !mheap.Settle(slot, x.class, c.away):
			c.bins[x.class].freed -= uintptr(x.n)
			s.noteDoubleFree(x.addr)
		case x.class.Large() && c.keep(slot):
		case !x.class.Large() && c.affords(x.class) && s.isElsewhere(c, x.addr):
			c.homing.put(slot, x.class)
		case room:
			c.put(x.class, slot)
		default:
			run[n] = slot
			n, class = n+1, x.class
		}
	}
	a.settled += small
	a.count = uintptr(copy(a.slots[:], a.slots[settled:a.count]))
	if a.room = 0; a.bytes <= asideBytes {
		a.room = asideSlots - a.count
	}
	return n, class
}

// keep keeps the Held slot of a large object, which was counted as freed, if there is room, and tells whether there was.
func (c *Cache) keep(slot mheap.Slot) bool {
	length := mheap.SpanOf(slot.Addr).Bytes() // and not as noted, should it be the next block there that two freed
	room := length <= MaxCachedLarge && c.HasRoomLarge(length)
	if room {
		c.PushLarge(slot.Addr, slot.State, length, 0)
	}
	return room
}

// stash gives slots of the class, or large objects, which were counted as freed, to who asks next.
func (s *Set) stash(class mheap.SpanClass, run []mheap.Slot) {
	if class.Large() {
		s.giveRun(class, run)
	} else {
		s.centrals[class].Stash(run)
	}
}

// giveRun gives slots of the class, or large objects, which were counted as freed, back.
func (s *Set) giveRun(class mheap.SpanClass, run []mheap.Slot) {
	if !class.Large() {
		s.centrals[class].Return(run)
		return
	}
	for _, slot := range run {
		s.FreeLarge(mheap.SpanOf(slot.Addr), 0)
	}
}

// flushAside gives all slots that wait in c, the caller's, to their centrals.
func (s *Set) flushAside(c *Cache) {
	if c.aside.count > 0 {
		awaitStores()
	}
	for c.aside.count > 0 {
		var run [maxFill]mheap.Slot
		n, class := s.settle(c, c.aside.count, &run)
		if n > 0 {
			s.giveRun(class, run[:n])
		}
		s.giveBack(c.homing.all())
	}
}

// awaitStores returns when stores that had begun are seen. Where the clock stands, as in a bubble of testing/synctest, so
// many looks at it take as long.
func awaitStores() {
	begin := clock()
	for look := 0; look < 256 && clock()-begin < longestStore; look++ {
	}
}

// waiting is how many slots of the class wait; others than the owner may ask.
func (c *Cache) waiting(class mheap.SpanClass) uintptr {
	return uintptr(c.aside.of[class]) + uintptr(c.homing.of[class])
}
