package mcache

import (
	"time"

	"github.com/spanheap/spanheap/mheap"
)

const (
	Interval        = interval
	LongestInterval = longestInterval
	TicksInPace     = ticksInPace
	SweepTicks      = sweepTicks
	Budget          = budget
	MaxLarge        = maxLargeBytes
	CacheSize       = cacheSize
)

// Hoard is what one cache holds.
type Hoard struct {
	ID               int
	Slots, SlotBytes uintptr
	Aside            uintptr // slots that wait
	Spans            int     // from which magazines are filled
	LargeBytes       uintptr
	Room             uintptr // of magazines, in slots
	Beyond, Spent    uintptr
}

// Empty tells whether the cache holds nothing.
func (h Hoard) Empty() bool { return h.Slots == 0 && h.Spans == 0 && h.LargeBytes == 0 }

// Sweep looks at all caches, as a tick and growth do.
func (s *Set) Sweep() { s.sweep() }

// NoteLooks is what growth does half way to a look.
func (s *Set) NoteLooks() { s.noteLooks() }

const SweepPace = sweepPace

// Swept is how many bytes the heap had committed when somebody looked last for what lies idle.
func (s *Set) Swept() uint64 { return s.swept.Load() }

// Ticks is how many there were.
func (s *Set) Ticks() int { return int(s.ticks.Load()) }

// Hoards returns what each owner's cache holds. Nobody may use the set meanwhile.
func (s *Set) Hoards() (hoards []Hoard) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all[:s.top] {
		if c != nil {
			hoards = append(hoards, c.hoard())
		}
	}
	return hoards
}

func (c *Cache) hoard() Hoard {
	h := Hoard{ID: c.owner(), LargeBytes: c.large.bytes, Spent: c.spent, Aside: c.aside.count}
	for i := int(mheap.LargeNoscan) + 1; i < mheap.NumSpanClasses; i++ {
		class := mheap.SpanClass(i)
		b := &c.bins[class]
		h.Slots += b.held()
		h.SlotBytes += b.held() * class.Layout().Bytes
		if b.span != nil {
			h.Spans++
		}
		room := c.RoomOf(class)
		h.Room += room
		if room > 0 && room > fillRoom(class) { // not all numbers are of classes
			h.Beyond += (room - fillRoom(class)) * class.Layout().Bytes
		}
	}
	return h
}

// RoomOf returns how many slots the magazine of the class has room for, used or not.
func (c *Cache) RoomOf(class mheap.SpanClass) uintptr {
	b := &c.bins[class]
	return (b.end - b.base) / slotSize
}

// FillRoom is how many slots a magazine of the class has room for while blocks are only allocated.
func FillRoom(class mheap.SpanClass) uintptr { return fillRoom(class) }

// Look is what a sweep sees of the cache.
func (c *Cache) Look() uintptr { return c.look() }

// Gap is a distance to the next sample.
func Gap(rate uintptr) uintptr { return gap(rate) }

// SetClock makes the caches of a test go by another clock, and returns what undoes it.
func SetClock(c func() time.Duration) (undo func()) {
	before := clock
	clock = c
	return func() { clock = before }
}

const Pace = pace

const (
	AsideSlots = asideSlots
	AsideBytes = asideBytes
)

// Aside is how many slots wait.
func (c *Cache) Aside() uintptr { return c.aside.count }

// AsideBytes is how many bytes were asked for of their blocks.
func (c *Cache) AsideBytes() uintptr { return c.aside.bytes }

// Savings is how many slots the cache may send home.
func (c *Cache) Savings() uintptr { return c.homing.savings }

// SpendSavings leaves it none.
func (c *Cache) SpendSavings() { c.homing.savings = 0 }

// Homing is how many slots the cache has for others' mails, and InMails how many of a class are in mails.
func (c *Cache) Homing() uintptr                     { return c.homing.count }
func (s *Set) InMails(class mheap.SpanClass) uintptr { return s.inMails(class) }
func (s *Set) IsAtWork(c *Cache) bool                { return s.isOpen(c.home) }

const (
	HomeShare   = homeShare
	MostSavings = mostSavings
	HomingSlots = homingSlots
	BoxSlots    = boxSlots
	BoxBytes    = boxBytes
)

// BeginLarge begins a stretch of large objects in the cache, for one of n bytes.
func (c *Cache) BeginLarge(n uintptr) { c.renew(mheap.LargeNoscan, n, 0, false) }

const (
	LeftAfter   = leftAfter
	BusyFor     = busyFor
	SeveralFor  = severalFor
	StopShare   = stopShare
	LongestStay = longestStay
)

// Admit makes a cache for the owner with the number, who has none.
func (s *Set) Admit(id int) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.admit(id)
}

// At returns the cache that the owner with the number finds, or Nobody.
func (s *Set) At(id int) *Cache { return loadCache(&s.caches[id]) }

// Follow is what the owner of c does who frees, or settles, a block that another cache owns.
func (s *Set) Follow(c, other *Cache) { s.follow(nil, c, other.home) }

const (
	StackReach     = stackReach
	AloneTimes     = aloneTimes
	GoneAfter      = goneAfter
	NewcomersPause = newcomersPause
)

// Come is what the owner of c does on his slow path whose stack lies there.
func (s *Set) Come(c *Cache, stack uintptr) {
	if c.guest.isNew(stack) {
		s.welcome(c, stack)
	}
}
