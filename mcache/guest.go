package mcache

import (
	"sync/atomic"
	"time"
)

// A goroutine is known by where its stack lies: a guess, but one that costs two words. So an owner sees on its slow path that the
// scheduler has moved a goroutine here which alone used another's cache until now. Then the two owners change caches at once,
// before the goroutine gets itself new spans here and frees what is that cache's the long way. Others are followed by what they
// free; see follow.

// guest is the goroutine that came last by a slow path of the cache's owner, who writes it; it may be a race whether it is up
// to date.
type guest struct {
	stack atomic.Uintptr // an address in its stack
	times atomic.Uint32  // how often it has come since another did
	until atomic.Int64   // when to ask again where a new one comes from, by the clock
}

const (
	// stackReach is how far from each other two addresses in one goroutine's stack lie at the most.
	stackReach = 8 << 10
	// aloneTimes is how often a goroutine has come by slow paths to a cache that is counted as its own.
	aloneTimes = 16
	// newcomersPause is how long who comes to a cache is no longer asked about, once one came from nowhere: where goroutines
	// take turns, each is new each time.
	newcomersPause = time.Millisecond
)

// is tells whether the guest is the goroutine in whose stack the address lies.
func (g *guest) is(stack uintptr) bool { return stack-g.stack.Load()+stackReach < 2*stackReach }

// isNew tells whether another goroutine than the guest comes. The caller is in the guest's cache.
func (g *guest) isNew(stack uintptr) bool {
	if g.is(stack) {
		g.times.Store(g.times.Load() + 1)
		return false
	}
	g.times.Store(0)
	return true
}

// welcome finds out where the goroutine with the stack comes from, which is new to c, its P's cache: from another's that it had
// for itself, which is c's owner's now, or nowhere, whereby it becomes the guest. The caller was in c until now, and is in none.
func (s *Set) welcome(c *Cache, stack uintptr) {
	now := clock()
	if now < time.Duration(c.guest.until.Load()) {
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
	for there, other := range s.all[:s.top] {
		if other == nil || other == c || !other.guest.is(stack) || other.guest.times.Load() < aloneTimes {
			continue
		}
		if !s.change(here, there) {
			c.guest.until.Store(int64(s.stayUntil))
		}
		return
	}
	c.guest.stack.Store(stack)
	c.guest.until.Store(int64(now + newcomersPause))
}
