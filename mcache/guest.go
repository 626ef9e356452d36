package mcache

import (
	"sync/atomic"
	"time"
)

// A goroutine is known by where its stack lies: a guess, but one that costs two words. So an owner sees on its slow path that the
// scheduler has moved a goroutine here which alone used another's cache until now. If nobody uses that any more, the two owners
// change caches, before the goroutine gets itself new spans here and frees what is that cache's the long way. Others are followed
// by what they free; see follow.

// guest is the goroutine that was last found out to be new on the slow path of the cache's owner, by allocating.
type guest struct {
	stack atomic.Uintptr // an address in its stack
	times atomic.Uint32  // how often it has come since another did; roughly
	until atomic.Int64   // when to ask again where a new one comes from, by the clock

	// Of a new one, guarded by the set's lock.
	from *Cache  // which it seems to come from, or nil
	look uintptr // what that looked like then
}

const (
	// stackReach is how far apart addresses are taken to be of one goroutine's stack. Stacks are as small as 2 KiB, and lie side by
	// side: what it finds is a guess. One that works at depths further apart is new each time.
	stackReach = 8 << 10
	// aloneTimes is how often a goroutine has come by slow paths to a cache that is counted as its own.
	aloneTimes = 16
	// goneAfter is how long a cache does nothing until its guest has gone, if he was seen elsewhere.
	goneAfter = 20 * time.Microsecond
	// newcomersPause is how long who comes to a cache is no longer asked about, once one came from nowhere: where goroutines
	// take turns, each is new each time.
	newcomersPause = time.Millisecond
)

// is tells whether the guest is the goroutine in whose stack the address lies.
func (g *guest) is(stack uintptr) bool { return stack-g.stack.Load()+stackReach < 2*stackReach+1 }

// isNew tells whether another goroutine than the guest comes. The caller is in the guest's cache.
func (g *guest) isNew(stack uintptr) bool {
	if g.is(stack) {
		g.times.Store(g.times.Load() + 1)
		return false
	}
	g.times.Store(0)
	return true
}

// settle makes the new one the guest.
func (g *guest) settle(stack uintptr) {
	g.stack.Store(stack)
	g.times.Store(0)
}

// welcome finds out where the goroutine with the stack comes from, which is new to c, its P's cache: from nowhere, whereby it
// becomes the guest, or from another's cache that it had for itself. That one is its P's when it has been seen to lie idle and the
// world may be stopped; until then the goroutine stays new. The caller was in c until now, and is in none.
func (s *Set) welcome(c *Cache, stack uintptr) {
	now := clock()
	until := c.guest.until.Load()
	if wait := time.Duration(until) - now; 0 < wait && wait <= longestStay {
		return
	}
	if !c.guest.until.CompareAndSwap(until, int64(now+newcomersPause)) {
		return // another one asks
	}
	from := s.leftBy(stack, c)
	if from == nil {
		c.guest.settle(stack)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return // and the caches may be anything
	}
	here, there := c.owner(), from.owner()
	if here == leased || s.all[here] != c || s.parked[here] || s.owner() != here || there == leased || s.all[there] != from {
		return // they are others' meanwhile, or he is elsewhere
	}
	switch look := from.look(); {
	case c.guest.from != from:
		c.guest.from, c.guest.look = from, look
		c.guest.until.Store(int64(now + goneAfter))
	case c.guest.look != look: // it is still at work: he is another one
		c.guest.from = nil
		c.guest.settle(stack)
	case s.change(here, there):
		c.guest.from = nil
	default:
		c.guest.until.Store(int64(s.stayUntil))
	}
}

// leftBy returns the cache other than c that the goroutine with the stack had for itself, or nil.
func (s *Set) leftBy(stack uintptr, c *Cache) *Cache {
	for id := range s.known.Load() {
		if other := loadCache(&s.caches[id]); other != c && other.guest.times.Load() >= aloneTimes && other.guest.is(stack) {
			return other
		}
	}
	return nil
}
