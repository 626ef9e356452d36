package mcache

import (
	"time"

	"github.com/spanheap/spanheap/mheap"
)

// Emptying caches that are another's. Whoever does it holds the set's lock, seizes the caches, and
// restores them; owners that come upon theirs meanwhile wait for the lock.

// Drain gives everything that caches hold back to the page heap, and the centrals' spare spans too.
// Owners go on meanwhile. Leased caches keep what they have.
func (s *Set) Drain() {
	s.mu.Lock()
	s.drain(func(int) bool { return true }, s.flush)
	s.emptyMails(false)
	s.mu.Unlock()
	s.drainCentrals()
}

// drainCentrals gives back what the centrals keep, unless the set is closed: then it is nobody's any more.
func (s *Set) drainCentrals() {
	s.mu.Lock()
	closed := s.closed
	s.mu.Unlock()
	if closed {
		return
	}
	for i := range s.centrals {
		s.centrals[i].Drain()
	}
}

// sweepTicks is how many ticks lie between two looks at all caches: 64 MiB have been allocated then, or more.
const sweepTicks = 32

// tick does what must happen now and then: an owner calls it when its meters say so, not pinned.
func (s *Set) tick() {
	if s.ticks.Add(1)%sweepTicks == 0 || int32(s.owners()) < s.known.Load() {
		s.sweep()
	}
}

// watch looks for what lies idle in caches and centrals when the heap has taken more memory: what lies there might have done
// instead. The larger the heap, the more it takes between two looks. Half way to a look what has been used is noted, so that
// it is seen what was not used since; where the heap takes a whole step at once, nothing was. Above the soft limit free pages
// go back to the operating system as well. own is the caller's own cache, or nil for its P's.
func (s *Set) watch(own *Cache) {
	swept, step := s.step(0)
	committed := s.heap.Committed() // not before swept, so that it is no less
	s.noteHalfWay(own, swept, step, committed)
	if committed-swept < step || !s.swept.CompareAndSwap(swept, committed) {
		return
	}
	s.sweep()
	s.trim(own)
	s.drainCentrals()
	s.heap.Release(uintptr(s.heap.Budget().AboveSoft(0)))
}

// watchFor is watch before a large object of n bytes is made, where the heap must take memory for it: what the caller's P and
// the centrals have might do instead. It leaves other Ps alone, which the look afterwards does not.
func (s *Set) watchFor(n uintptr) {
	if s.heap.Fits(largePages(n)) {
		return
	}
	swept, step := s.step(n)
	committed := s.heap.Committed() + uint64(n)
	s.noteHalfWay(nil, swept, step, committed)
	if committed-swept < step {
		return
	}
	s.trim(nil)
	s.drainCentrals()
	s.heap.Release(uintptr(s.heap.Budget().AboveSoft(uint64(n))))
}

// step returns what the heap had committed at the last look, and how much more it has at the next one, if it takes n bytes.
func (s *Set) step(n uintptr) (swept, step uint64) {
	swept = s.swept.Load()
	share := swept
	if s.heap.Budget().AboveSoft(uint64(n)) > 0 {
		share = min(share, s.heap.Budget().Backed())
	}
	return swept, max(leastGrowth, share/growthShare)
}

// noteHalfWay has trim see what the caller's cache has not used since now, and sweep which caches have not been used, once on the
// way from a look to the next.
func (s *Set) noteHalfWay(own *Cache, swept, step, committed uint64) {
	if committed-swept < step/2 || s.noted.Swap(swept) == swept {
		return
	}
	s.noteLooks()
	c := s.enter(own)
	if c != &nobody {
		for class := range c.trimmed {
			c.trimmed[class] = c.blocks(mheap.SpanClass(class))
		}
		c.dry = [len(c.dry)]bool{}
	}
	s.leave(own, c)
}

// noteLooks has sweep see which caches have not been used since now.
func (s *Set) noteLooks() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.early(clock()) {
		return
	}
	for id, c := range s.all[:s.top] {
		if c != nil {
			s.looks[id] = c.look()
		}
	}
}

const (
	leastGrowth = 64 << 10
	growthShare = 240
	keptShare   = 4
)

// trim gives back large objects that lie idle, and what the magazines of the caller's cache have too much of: of classes
// that it has not allocated from since they were noted, all; of those whose magazine never ran empty meanwhile, all
// but one in keptShare. So what lies in a cache follows what is wanted of it, as by TCMalloc's low-water marks.
func (s *Set) trim(own *Cache) {
	s.trimLarge(own)
	var run [maxFill]mheap.Slot
	for class := mheap.LargeNoscan + 1; int(class) < mheap.NumSpanClasses; {
		c := s.enter(own)
		if c == &nobody {
			s.Leave(c)
			return
		}
		b := &c.bins[class]
		slots, span, more := (b.top-b.base)/slotSize, (*mheap.Span)(nil), false
		switch {
		case c.blocks(class) == c.trimmed[class]:
			span, b.span = b.span, nil
			more = slots > maxFill
		case c.dry[class]:
			slots = 0
		default:
			slots -= (slots + keptShare - 1) / keptShare
		}
		slots = min(slots, maxFill)
		b.top -= slots * slotSize
		copy(run[:], slotsAt(b.top, slots))
		if !more {
			c.trimmed[class], c.dry[class] = c.blocks(class), false
		}
		s.leave(own, c)
		if slots > 0 {
			s.centrals[class].Return(run[:slots])
		}
		s.putBack(class, span)
		if !more {
			class++
		}
	}
}

// trimLarge gives back the large objects of the caller's cache when it has allocated none of them since they were noted.
func (s *Set) trimLarge(own *Cache) {
	s.mu.Lock() // or who counts meanwhile counts them as live
	defer s.mu.Unlock()
	c := s.enter(own)
	if c == &nobody {
		s.Leave(c)
		return
	}
	var idle largeSlots
	blocks := c.blocks(mheap.LargeNoscan)
	if blocks == c.trimmed[mheap.LargeNoscan] {
		idle, c.large = c.large, idle
	}
	c.trimmed[mheap.LargeNoscan] = blocks
	s.leave(own, c)
	s.freeIdle(&idle)
}

// sweepPace is how long sweeps and what is noted for them leave the caches of owners alone after a sweep that has stopped
// the world. In a heap that grows fast each would find some owner between two blocks.
const sweepPace = 3 * time.Millisecond

// early tells whether it is sooner than that. Where the clock was set back, as in a bubble of testing/synctest, it is not.
func (s *Set) early(now time.Duration) bool {
	since := now - s.stopped
	return s.stopped != 0 && since >= 0 && since < sweepPace
}

// sweep empties the caches of owners that are gone, because GOMAXPROCS shrank, and, unless it is early, of those that have
// neither allocated nor freed since looks were noted, by the sweep before or half way from there.
func (s *Set) sweep() {
	s.mu.Lock()
	defer s.mu.Unlock()
	owners, now := s.owners(), clock()
	early := s.early(now)
	s.known.Store(int32(owners))
	s.closeResting()
	if s.drain(func(id int) bool {
		switch {
		case id >= owners:
			s.emptyMail(s.all[id].home, true)
			return true
		case early:
			return false
		}
		look := s.all[id].look()
		idle := look == s.looks[id]
		s.looks[id] = look
		return idle
	}, s.strip) {
		s.stopped = now
	}
}

// look is a sum over the cache that changes with every block that its owner allocates or frees.
func (c *Cache) look() (sum uintptr) {
	for i := range mheap.NumSpanClasses {
		sum += c.activity(mheap.SpanClass(i))
	}
	return sum
}

// drain empties the caches that are chosen by their numbers, unless they are empty: with flush, or strip. It tells whether it
// stopped the world for some. The caller holds s.mu.
func (s *Set) drain(chosen func(id int) bool, empty func(*Cache)) (stopped bool) {
	var ids []int
	for id, c := range s.all[:s.top] {
		switch {
		case c == nil || !chosen(id):
		case c.empty():
			s.emptyMail(c.home, false)
		default:
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return false
	}
	s.seize(ids)
	for _, id := range ids {
		empty(s.all[id])
	}
	s.restore(ids)
	return true
}

// empty tells whether the cache holds nothing. For a cache of another's it is a guess.
func (c *Cache) empty() bool {
	for i := range mheap.NumSpanClasses {
		if b := &c.bins[i]; b.span != nil || b.held() > 0 {
			return false
		}
	}
	return c.large.bytes == 0 && c.aside.count == 0 && c.homing.count == 0
}

// strip is flush of a cache that lies idle, and gives back its magazines too: the owners to whom the work has gone want such
// ones.
func (s *Set) strip(c *Cache) {
	s.flush(c)
	s.dismantle(c)
}

// flush gives back everything that c, which is the caller's, holds.
func (s *Set) flush(c *Cache) {
	s.flushAside(c)
	s.giveBack(c.homing.all())
	s.emptyMail(c.home, false)
	for i := range mheap.NumSpanClasses {
		b := &c.bins[i]
		if slots := (b.top - b.base) / slotSize; slots > 0 {
			s.centrals[i].Return(slotsAt(b.base, slots))
			b.top = b.base
		}
		if b.span != nil {
			s.centrals[i].Put(b.span)
			b.span = nil
		}
	}
	s.freeIdle(&c.large)
	c.large = largeSlots{}
}

// freeIdle gives large objects, the caller's, back to the page heap.
func (s *Set) freeIdle(large *largeSlots) {
	for _, slot := range large.slots {
		if slot.Addr != 0 {
			s.heap.Free(mheap.SpanOf(slot.Addr))
		}
	}
}
