package mcache

import (
	"sync/atomic"
	"time"

	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/mheap"
)

// mail is the slots that others sent to one home. It is open while the cache there is at work: from when its owner looks for
// mail until it has done nothing for a while, or is gone. Then its bit in Set.atWork is set.
type mail struct {
	mu    lockrank.Mutex
	count atomic.Int32 // written under mu
	box   *box         // guarded by mu; nil before the first slot came
	cache *Cache       // the one at home there; written under mu once, atomically
	seen  seen         // guarded by mu; of the cache
}

// box is where a mail's slots are, off the Go heap.
type box struct {
	slots [boxSlots]homingSlot
	of    [256]uint8 // how many there are, by span class
	bytes uintptr    // theirs
}

const (
	boxSlots = 2 * homingSlots
	boxBytes = 2 * homingBytes
)

// belongTo makes m the mail of c, which is new.
func (m *mail) belongTo(c *Cache) {
	m.mu.Lock()
	storeCache(&m.cache, c)
	m.mu.Unlock()
}

// wantsMail tells whether the owner of c, who allocates a block of the class, should look for mail: it is closed, or there
// is some and the class's magazine is empty.
func (s *Set) wantsMail(c *Cache, class mheap.SpanClass) bool {
	b := &c.bins[class]
	return c.home != 0 && (!s.isOpen(c.home) || b.top == b.base && s.mails[c.home].count.Load() > 0)
}

// collect leaves c, opens its mail and puts the slots that there are on magazines of the caller's cache.
func (s *Set) collect(own, c *Cache) {
	var slots [boxSlots]homingSlot
	m, home := &s.mails[c.home], c.home
	s.leave(own, c)
	m.mu.Lock()
	if !s.isOpen(home) {
		s.atWork.Or(1 << home)
	}
	n := m.empty(&slots)
	m.mu.Unlock()
	if n == 0 {
		return
	}
	c = s.again(own, c)
	left := 0
	for _, x := range slots[:n] {
		if c.HasRoom(x.class) {
			c.put(x.class, x.Slot)
		} else {
			slots[left] = x
			left++
		}
	}
	s.leave(own, c)
	s.giveBack(slots[:left])
}

// post sends those slots home that head the run and go to one cache, and returns how many. What finds no room there, or
// nobody, goes to the spans. Where the cache rests the mail is closed.
func (s *Set) post(run []homingSlot) (n int) {
	home := mheap.SpanOf(run[0].Addr).Home()
	for n = 1; n < len(run) && mheap.SpanOf(run[n].Addr).Home() == home; {
		n++
	}
	dropped, rests := s.drop(home, run[:n])
	s.giveBack(run[dropped:n])
	if rests {
		s.emptyMail(home, true)
	}
	return n
}

// drop puts as many of the slots as there is room for into the mail of the home, if it is open, and returns how many. If
// there is no room, it tells whether the cache there rests.
func (s *Set) drop(home uint8, slots []homingSlot) (n int, rests bool) {
	m := &s.mails[home]
	m.mu.Lock()
	defer m.mu.Unlock()
	if !s.isOpen(home) || m.box == nil && !s.makeBox(m) {
		return 0, false
	}
	before, b := int(m.count.Load()), m.box
	for ; n < len(slots) && before+n < boxSlots && b.bytes < boxBytes; n++ {
		x := slots[n]
		b.slots[before+n] = x
		b.of[x.class]++
		b.bytes += x.class.Layout().Bytes
	}
	m.count.Store(int32(before + n))
	now := clock()
	return n, n == 0 && m.seen.mayRest(now) && m.seen.rests(m.cache, now)
}

// makeBox makes a box for m, whose lock the caller holds, and tells whether there was memory.
func (s *Set) makeBox(m *mail) bool {
	p, err := s.heap.Meta().Alloc(boxSize)
	if err == nil {
		m.box = boxAt(p)
	}
	return err == nil
}

// empty moves all slots out of m, whose lock the caller holds, and returns how many there were.
func (m *mail) empty(slots *[boxSlots]homingSlot) int {
	n := int(m.count.Load())
	if n > 0 {
		copy(slots[:], m.box.slots[:n])
		m.box.of, m.box.bytes = [len(m.box.of)]uint8{}, 0
		m.count.Store(0)
	}
	return n
}

// emptyMail gives what is in the mail of the home to the centrals. If it is to be closed, others may have what its
// cache had, until that is at work again.
func (s *Set) emptyMail(home uint8, closed bool) {
	if !s.isOpen(home) {
		return
	}
	var slots [boxSlots]homingSlot
	m := &s.mails[home]
	m.mu.Lock()
	if closed {
		s.atWork.And(^(uint64(1) << home))
	}
	n := m.empty(&slots)
	m.mu.Unlock()
	s.giveBack(slots[:n])
}

// emptyMails is emptyMail for all of them, of Locals as well, whose caches nobody else may enter.
func (s *Set) emptyMails(closed bool) {
	for home := range s.mails {
		s.emptyMail(uint8(home), closed)
	}
}

// closeResting closes the mails of caches that have done nothing for a while.
func (s *Set) closeResting() {
	now := clock()
	for home := range s.mails {
		if m := &s.mails[home]; s.isOpen(uint8(home)) {
			m.mu.Lock()
			rests := m.seen.rests(m.cache, now)
			m.mu.Unlock()
			if rests {
				s.emptyMail(uint8(home), true)
			}
		}
	}
}

// seen is what was last seen of a cache, and when that was first seen.
type seen struct {
	look uintptr
	at   time.Duration
}

// restsAfter is how long a cache does nothing until others may have what was its own: mostly longer than the system keeps
// a P that has work from its processor.
const restsAfter = 5 * time.Millisecond

// mayRest tells whether it is worth the look that rests takes: not sooner than so long after one that found work.
func (s *seen) mayRest(now time.Duration) bool { return s.look == 0 || now-s.at >= restsAfter }

// rests looks at the cache, and tells whether it has done nothing for so long.
func (s *seen) rests(c *Cache, now time.Duration) bool {
	if look := c.look(); look != s.look {
		s.look, s.at = look, now
	}
	return now-s.at >= restsAfter
}

// isOpen tells whether the mail of the home is open; a closed one is empty.
func (s *Set) isOpen(home uint8) bool { return s.atWork.Load()>>home&1 != 0 }

// inMails is how many slots of the class are in mails.
func (s *Set) inMails(class mheap.SpanClass) (n uintptr) {
	for i := range s.mails {
		if m := &s.mails[i]; m.count.Load() > 0 {
			m.mu.Lock()
			if m.box != nil {
				n += uintptr(m.box.of[class])
			}
			m.mu.Unlock()
		}
	}
	return n
}

// dropMails closes all mails for good, and forgets what is in them.
func (s *Set) dropMails() {
	for i := range s.mails {
		m := &s.mails[i]
		m.mu.Lock()
		s.atWork.And(^(uint64(1) << i))
		m.count.Store(0)
		m.box = nil
		m.mu.Unlock()
	}
}
