package mcache

import (
	"sync/atomic"

	"github.com/spanheap/spanheap/mheap"
)

// Caches that nobody uses, as the scavenger finds them: an idle owner's cache is emptied while others
// work, and where all are idle the caches are parked. The owner of a parked cache finds nobody, comes by
// the slow path, and has his cache again; so that it takes no polling to see the end of the idleness.

// idleness is what the set looked like to the Rest before.
type idleness struct {
	caches  [MaxCaches]uintptr
	classes [mheap.NumSpanClasses]uintptr
}

// Activity is a sum over the set that changes with the blocks that are allocated and freed.
func (s *Set) Activity() (sum uintptr) {
	for i := range s.direct {
		sum += s.direct[i].activity()
	}
	s.each(func(c *Cache) { sum += c.look() })
	return sum
}

// activity changes with every block of the class that the cache's owner allocates or frees.
func (c *Cache) activity(class mheap.SpanClass) uintptr {
	b := &c.bins[class]
	return uintptr(atomic.LoadUint64((*uint64)(&b.meter))) + 3*load(&b.freed) + 5*load(&c.ledgers[class].granted)
}

func (d *directCounts) activity() uintptr { return d.requested.Load() + 3*d.allocs.Load() }

// Rest gives back what lies idle since the Rest before: what the caches of idle owners hold, then what
// the centrals keep of classes that nobody used. The world is stopped at most once, and not at all
// when idle owners hold nothing.
func (s *Set) Rest() {
	var used [mheap.NumSpanClasses]uintptr
	for i := range s.direct {
		used[i] = s.direct[i].activity()
	}
	s.each(func(c *Cache) {
		for i := range used {
			used[i] += c.activity(mheap.SpanClass(i))
		}
	})
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.drain(func(id int) bool {
		look := s.all[id].look()
		idle := look == s.idle.caches[id]
		s.idle.caches[id] = look
		if idle {
			s.emptyMail(s.all[id].home, true)
		}
		return idle
	}, s.strip)
	s.closeResting()
	before := s.idle.classes
	s.idle.classes = used
	s.mu.Unlock()
	for class := range used {
		if used[class] == before[class] {
			s.centrals[class].Drain()
		}
	}
}

// Park empties and parks every cache, and drains the centrals. Leased caches keep what they have.
func (s *Set) Park() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	if ids := s.unparked(); len(ids) > 0 {
		s.seize(ids)
		for _, id := range ids {
			s.flush(s.all[id])
			s.parked[id] = true
		}
		s.restore(ids)
	}
	s.emptyMails(true)
	s.mu.Unlock()
	s.drainCentrals()
}

// Parked tells whether no owner has a cache that is not parked.
func (s *Set) Parked() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.unparked()) == 0
}

// unparked returns the numbers of the caches that their owners find. The caller holds s.mu.
func (s *Set) unparked() (ids []int) {
	for id := range s.all[:s.top] {
		if s.open(id) != &nobody {
			ids = append(ids, id)
		}
	}
	return ids
}
