package mcache

import (
	"runtime"
	"sync/atomic"

	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
)

// Set is all caches of a heap, with the centrals behind them. It is safe for concurrent use.
//
// An owner without a cache finds nobody, an empty cache without room, and so comes to the slow
// path, which makes it one. Where that cannot be, for an owner of too high a number or for want of
// memory, blocks come straight from the centrals and go straight back.
type Set struct {
	caches [MaxCaches + 1]*Cache // what Enter finds: the owner's cache, or nobody; written by storeCache

	heap     *mheap.Heap
	centrals [mheap.NumSpanClasses]mcentral.Central
	direct   [mheap.NumSpanClasses]directCounts
	locks    ownerLocks

	mu     lockrank.Mutex    // guards what follows, and who is in caches
	closed bool              // nothing is given back any more
	all    [MaxCaches]*Cache // every cache made, by owner
	top    int               // no cache has this number or a higher one

	locals []*Cache // every cache made for Lease
	idle   []*Cache // those of them that nobody has
}

// directCounts counts the blocks of a class that no cache has counted.
type directCounts struct{ requested, allocs, frees atomic.Uintptr }

// nobody is the cache of owners that have none.
var nobody Cache

// interval is how many bytes a cache hands out between two ticks.
const interval = 512 << 10

// Init makes s the caches over a page heap. It is called once, before any other method.
func (s *Set) Init(heap *mheap.Heap) {
	s.heap = heap
	s.mu.Init(lockrank.CacheSet)
	for i := range s.caches {
		s.caches[i] = &nobody
	}
	for i := range s.centrals {
		s.centrals[i].Init(heap, mheap.SpanClass(i))
	}
}

// join gives the caller's owner a cache, after waiting for those that drain it. It tells whether
// it could.
func (s *Set) join() bool {
	id := s.owner()
	if id >= MaxCaches {
		return false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return false
	}
	if s.all[id] != nil {
		return true
	}
	c, err := s.newCache()
	if err != nil {
		return false
	}
	c.id = id
	s.all[id] = c
	s.top = max(s.top, id+1)
	storeCache(&s.caches[id], c)
	return true
}

func (s *Set) newCache() (*Cache, error) {
	p, err := s.heap.Meta().Alloc(cacheSize)
	if err != nil {
		return nil, err
	}
	c := cacheAt(p)
	c.countdown = interval
	return c, nil
}

// tick does what must happen now and then: a cache calls it every interval of bytes, not pinned.
func (s *Set) tick() {
	if owners := s.owners(); owners < s.top {
		s.drain(owners)
	}
}

// Drain gives everything that caches hold back to the page heap, and the centrals' spare spans
// too. Owners go on meanwhile; those who come upon a cache that is being drained wait.
func (s *Set) Drain() {
	s.drain(0)
	for i := range s.centrals {
		s.centrals[i].Drain()
	}
}

// drain empties the caches of the owners from a number up.
func (s *Set) drain(from int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]int, 0, s.top)
	for id := from; id < s.top; id++ {
		if c := s.all[id]; c != nil && !c.empty() {
			ids = append(ids, id)
		}
	}
	if len(ids) == 0 {
		return
	}
	s.seize(ids)
	for _, id := range ids {
		s.flush(s.all[id])
	}
	s.restore(ids)
}

// empty tells whether the cache holds nothing. For a cache of another's it is a guess.
func (c *Cache) empty() bool {
	for i := range mheap.NumSpanClasses {
		if b := &c.bins[i]; b.span != nil || b.held() > 0 {
			return false
		}
	}
	return c.tiny.addr == 0 && c.large.spans == 0
}

// flush gives back everything that c, which is the caller's, holds.
func (s *Set) flush(c *Cache) {
	t := c.tiny
	c.tiny = tinyBlock{frees: t.frees}
	if t.addr != 0 && mheap.CloseTiny(t.state) {
		mheap.FreeSlot(t.state)
		s.centrals[mheap.Tiny].Return([]mheap.Slot{{Addr: t.addr, State: t.state}})
	}
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
	for i := range c.large.entries {
		if e := &c.large.entries[i]; e.span != nil {
			s.heap.Free(e.span)
		}
	}
	c.large = largeSlots{}
}

// Close drops what the caches hold without giving it back: the page heap ends with all its spans.
// Whoever comes after finds nobody, and no memory.
func (s *Set) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	ids := make([]int, 0, s.top)
	for id, c := range s.all[:s.top] {
		if c != nil {
			ids = append(ids, id)
			s.all[id] = nil
		}
	}
	s.seize(ids)
	s.restore(ids)
	s.top = 0
	s.locals, s.idle = nil, nil
	s.closed = true
}

// owners returns how many owners there can be at the moment.
func (s *Set) owners() int { return min(runtime.GOMAXPROCS(0), maxOwners) }
