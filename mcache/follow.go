package mcache

import (
	"sync/atomic"
	"time"

	"github.com/spanheap/spanheap/mheap"
)

// A cache follows its goroutine. The scheduler moves one that works all the time to another P now and then. Nearly all that it
// frees there is owned by the cache it left, whose slots lie idle, and has to be set aside; what it allocates comes from new
// spans. So where an owner frees little else than small blocks of one other cache, and nobody has used that one for a while, the
// two owners change caches; and sooner where a goroutine is seen to have come: see guest. It takes a stop of the world, as
// emptying another's cache does.

// trail is what is known of the cache that a cache's owner may have left. All but until is guarded by the set's lock.
type trail struct {
	until atomic.Int64 // when to look again, by the clock
	other *Cache       // that one, or nil
	look  uintptr      // what it looked like then
	freed uintptr      // how many bytes of small blocks had been freed here by then
	aside uintptr      // and how many of them had been aside, and settled
}

const (
	// leftAfter is how long a cache does nothing until its owner may have left it.
	leftAfter = 300 * time.Microsecond
	// severalFor is how long none is watched after blocks of two were freed, and busyFor after the one was found at work, since
	// a look at it takes a cache line per class from who works with it, or is a Local's.
	severalFor = time.Millisecond
	busyFor    = 10 * time.Millisecond
	// One part in leftParts of what an owner frees may be owned by others than the cache he left.
	leftParts = 4
	// The world is stopped to change caches of a set for one part in stopShare of the time at most, or once in longestStay.
	stopShare   = 100
	longestStay = time.Second
)

// homeAside is the home of the slot that has waited the longest in c, the caller's.
func (c *Cache) homeAside() uint8 {
	if span := mheap.SpanOf(c.aside.slots[0].addr); span != nil {
		return span.Home()
	}
	return 0
}

// follow looks at the cache with the number, which owns a block that the owner of c has freed, or wants to, or has the block's span
// at home: if he has left that one, the two are changed. The caller was in c until now, and is in none. 0 is no cache's number.
// own is c if that is a Local's, which follows nobody.
func (s *Set) follow(own, c *Cache, number uint8) {
	if own != nil || number == 0 {
		return
	}
	now := clock()
	if now < time.Duration(c.trail.until.Load()) {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // and c may be anything
	}
	here := c.owner()
	if s.all[here] != c || s.parked[here] {
		return // others have had it meanwhile
	}
	other := loadCache(&s.mails[number].cache)
	if c.hasLeft(other, now) {
		s.change(here, other.owner())
	}
}

// hasLeft looks at the other cache, and tells whether the owner of c has left it by now. The caller holds the set's lock.
func (c *Cache) hasLeft(other *Cache, now time.Duration) bool {
	t := &c.trail
	if other == c || other.owner() == leased {
		t.drop(now + busyFor)
		return false
	}
	if t.other != nil && t.other != other {
		t.drop(now + severalFor)
		return false
	}
	watched, look, freed, aside := t.other != nil, t.look, t.freed, t.aside
	t.other, t.look, t.freed, t.aside = other, other.look(), c.freed(), load(&c.aside.settled)
	t.until.Store(int64(now + leftAfter))
	if watched && look != t.look {
		t.drop(now + busyFor)
		return false
	}
	freed, aside = t.freed-freed, t.aside-aside
	return watched && aside > 0 && aside >= freed/leftParts*(leftParts-1)
}

// drop has no cache watched, until it is time to look again.
func (t *trail) drop(until time.Duration) {
	t.other = nil
	t.until.Store(int64(until))
}

// freed is how many bytes of small blocks have been freed in c, ever.
func (c *Cache) freed() (sum uintptr) {
	for class := mheap.LargeNoscan + 1; int(class) < mheap.NumSpanClasses; class++ {
		sum += load(&c.bins[class].freed)
	}
	return sum
}

// change has two owners change caches, unless it is too soon after others have. It tells whether they have. The caller holds s.mu.
func (s *Set) change(here, there int) bool {
	c, other, began := s.all[here], s.all[there], clock()
	if began < s.stayUntil {
		c.trail.until.Store(int64(s.stayUntil))
		return false
	}
	ids := []int{here, there}
	s.seize(ids)
	s.all[here], s.all[there] = other, c
	s.looks[here], s.looks[there] = s.looks[there], s.looks[here]
	s.idle.caches[here], s.idle.caches[there] = s.idle.caches[there], s.idle.caches[here]
	s.parked[there] = false
	for _, id := range ids {
		s.all[id].id.Store(int32(id))
		s.all[id].trail.drop(0)
	}
	s.restore(ids)
	now := clock()
	s.stayUntil = now + min((now-began)*stopShare, longestStay)
	return true
}
