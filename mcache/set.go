package mcache

import (
	"runtime"
	"sync/atomic"
	"time"

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
	visits visits // what Visit finds: what Enter does, or nobody
	caches places // what Enter finds: the owner's cache, or nobody

	heap     *mheap.Heap
	centrals [mheap.NumSpanClasses]mcentral.Central
	direct   [mheap.NumSpanClasses]directCounts
	locks    ownerLocks
	ticks    atomic.Uint32
	rate     atomic.Uintptr // of samples, in bytes; written under mu
	paced    atomic.Bool    // whether the rate gives way; written under mu
	atWork   atomic.Uint64  // the homes of caches at work, as bits; see mail
	swept    atomic.Uint64  // bytes the heap had committed when it was swept for its growth
	noted    atomic.Uint64  // what swept was when caches were noted after it
	doubles  doubleFrees
	mails    [mheap.MaxOwner + 1]mail // by home
	known    atomic.Int32             // the most owners there were since the caches were swept

	mu        lockrank.Mutex     // guards what follows, and who is in caches
	closed    bool               // nothing is given back any more
	all       [MaxCaches]*Cache  // every cache made, by owner
	looks     [MaxCaches]uintptr // of the caches, when they were last noted, for sweep
	stopped   time.Duration      // when a sweep last stopped the world
	stayUntil time.Duration      // no owners change caches before
	parked    [MaxCaches]bool    // empty caches that their owners do not find
	owning    numbers            // by which caches own blocks
	top       int                // no cache has this number or a higher one
	idle      idleness

	locals []*Cache // every cache made for Lease
	unused []*Cache // those of them that nobody has
}

// directCounts counts the blocks of a class that no cache has counted.
type directCounts struct {
	requested, allocs atomic.Uintptr
	held, heldBytes   atomic.Uintptr // slots: see Hold
}

// nobody is the cache of owners that have none.
var nobody Cache

// Nobody returns the cache of owners that have none: it has no slots and owns no blocks, and is only looked at.
func Nobody() *Cache { return &nobody }

func init() {
	nobody.init()
	nobody.large.bytes = maxLargeBytes
}

// Init makes s the caches over a page heap. It is called once, before any other method.
func (s *Set) Init(heap *mheap.Heap) {
	s.heap = heap
	s.mu.Init(lockrank.CacheSet)
	s.visits.init()
	s.caches.init()
	for i := range s.mails {
		s.mails[i].mu.Init(lockrank.Mail)
	}
	for i := range s.centrals {
		s.centrals[i].Init(heap, mheap.SpanClass(i))
	}
}

// join gives the caller's owner a cache, after waiting for those that drain it. Since the caller may
// be another owner's by now, which has one, it may be the first owner without that gets it: whoever
// joins again and again comes to an end. It tells whether it could.
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
	if s.open(id) != &nobody {
		owners := s.owners() // which others may change meanwhile
		for id = 0; id < owners && s.open(id) != &nobody; id++ {
		}
		if id == owners {
			return true
		}
	}
	s.heap.Stir()
	if s.parked[id] {
		s.parked[id] = false
		s.put(id, s.all[id])
		return true
	}
	return s.admit(id) == nil
}

// admit gives the owner with the number, who has none, a new cache. The caller holds s.mu. The error is the system's.
func (s *Set) admit(id int) error {
	c, err := s.newCache(s.owning.next())
	if err != nil {
		return err
	}
	c.id.Store(int32(id))
	s.known.Store(max(s.known.Load(), int32(s.owners())))
	s.all[id] = c
	s.top = max(s.top, id+1)
	s.put(id, c)
	return nil
}

// put has the owner with the number find c.
func (s *Set) put(id int, c *Cache) {
	s.visits.put(id, c)
	s.caches.put(id, c)
}

// open returns the cache that its owner should find. The caller holds s.mu.
func (s *Set) open(id int) *Cache {
	if s.all[id] == nil || s.parked[id] {
		return &nobody
	}
	return s.all[id]
}

// owners returns how many owners there can be at the moment.
func (s *Set) owners() int { return min(runtime.GOMAXPROCS(0), MaxCaches) }

// newCache makes a cache, which owns blocks by a number, or none by 0. The caller holds s.mu.
func (s *Set) newCache(number uint8) (*Cache, error) {
	p, err := s.heap.Meta().Alloc(cacheSize)
	if err != nil {
		return nil, err
	}
	c := cacheAt(p)
	c.init()
	c.id.Store(leased)
	c.aside.room = asideSlots
	c.home = number
	s.mails[number].belongTo(c)
	c.homing.savings = mostSavings
	if c.live, c.away = mheap.Live, mheap.Away; number != 0 {
		c.live, c.away = mheap.LiveOf(number), mheap.AwayOf(number)
		c.own = c.live
	}
	c.pacing.start(s.rate.Load())
	return c, nil
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
			s.all[id], s.parked[id] = nil, false
		}
	}
	s.seize(ids)
	s.restore(ids)
	s.dropMails()
	s.top = 0
	s.locals, s.unused = nil, nil
	s.closed = true
}
