package mcache

import (
	"time"

	"github.com/spanheap/spanheap/mheap"
)

// A cache follows its goroutine. The scheduler moves one that works all the time to another P now and then. Nearly all that it
// frees there is owned by the cache it left, whose slots lie idle, and has to be set aside; what it allocates comes from new
// spans. So where an owner frees little else than blocks of one other cache, and nobody has used that one for a while, the two
// owners change caches. It takes a stop of the world, as emptying another's cache does.

// trail is what a cache has seen of another one that its owner may have left.
type trail struct {
	live  uint8         // the state of that one's live blocks, or 0 for none
	look  uintptr       // what it looked like
	freed uintptr       // the bytes of small blocks that had been freed here then, ever
	aside uintptr       // those of them, and of large ones, that had been set aside, and settled
	until time.Duration // when to look again
}

const (
	// leftAfter is how long a cache does nothing until its owner may have left it.
	leftAfter = 300 * time.Microsecond
	// No cache is watched for severalFor after the owner freed blocks of more than one other, and for busyFor after the one was
	// found at work: to look at it took a cache line per class from who works with it.
	severalFor = time.Millisecond
	busyFor    = 10 * time.Millisecond
	// One part in leftParts of what an owner frees may be owned by others than the cache he left.
	leftParts = 4
	// stopShare bounds the time for which the world is stopped to change caches: one part in so many.
	stopShare = 100
)

// leftWith is left, as the slot tells that has waited the longest in c. There is one. own is c if that is a Local's.
func (s *Set) leftWith(own, c *Cache) *Cache {
	span := mheap.SpanOf(c.aside.slots[0].addr)
	if own != nil || span == nil || span.Home() == c.home {
		return nil
	}
	return s.left(c, mheap.LiveOf(span.Home()))
}

// left returns the cache that the owner of c, the caller's, has left, or nil. He frees a block of that state.
func (s *Set) left(c *Cache, state uint8) *Cache {
	now, before := clock(), c.trail
	switch {
	case now < before.until:
		return nil
	case !mheap.Owned(state) || before.live != 0 && before.live != state:
		c.trail = trail{until: now + severalFor}
		return nil
	}
	other := loadCache(&s.mails[mheap.OwnerOf(state)].cache)
	t := trail{state, other.look(), c.freed(), c.aside.settled, now + leftAfter}
	if before.live != 0 && before.look != t.look {
		t = trail{until: now + busyFor}
	}
	c.trail = t
	if before.live == 0 || t.live == 0 || t.aside-before.aside < (t.freed-before.freed)/leftParts*(leftParts-1) {
		return nil
	}
	return other
}

// freed is how many bytes of small blocks the owner has freed, ever. Large ones would hide what the others tell.
func (c *Cache) freed() (sum uintptr) {
	for class := mheap.LargeNoscan + 1; int(class) < mheap.NumSpanClasses; class++ {
		sum += c.bins[class].freed
	}
	return sum
}

// follow has the owner of c, the caller's until now, change caches with the owner of the other one, if there is one that he has
// left, which is not a Local's, and has done nothing still.
func (s *Set) follow(c, other *Cache) {
	if other == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	began, here, there := clock(), c.owner(), other.owner()
	if began < s.stays || s.all[here] != c || s.all[there] != other {
		return
	}
	ids := []int{here, there}
	s.seize(ids)
	if other.look() == c.trail.look {
		s.exchange(here, there)
	}
	s.restore(ids)
	now := clock()
	s.stays = now + (now-began)*stopShare
}

// exchange changes the caches of two owners. The caller holds s.mu and has seized both.
func (s *Set) exchange(a, b int) {
	s.all[a], s.all[b] = s.all[b], s.all[a]
	s.looks[a], s.looks[b] = s.looks[b], s.looks[a]
	s.idle.caches[a], s.idle.caches[b] = s.idle.caches[b], s.idle.caches[a]
	for _, id := range []int{a, b} {
		c := s.all[id]
		c.id.Store(int32(id))
		c.trail = trail{}
		s.parked[id] = false
	}
}
