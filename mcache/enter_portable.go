//go:build race || spanheap_portable

package mcache

import (
	"runtime"
	"sync"
	"unsafe"
)

// Without pinning, an owner is a number that goroutines share by chance, and its cache has a lock.

// MaxCaches bounds the numbers of owners that can have a cache.
const MaxCaches = 16

// wanders says that a goroutine changes owners as its stack grows and shrinks alone.
const wanders = false

// ownerLocks[i] is held between Enter and Leave by whoever uses cache i. They lie on the Go heap,
// where the race detector sees them.
type ownerLocks [MaxCaches]sync.Mutex

// Pin returns a number below GOMAXPROCS that depends on where the caller's stack lies, so that one goroutine
// mostly gets one cache and several get several.
func Pin() int {
	var here byte
	page := uintptr(unsafe.Pointer(&here)) >> 11
	return int(page*0x9e3779b1>>16&0xffff) % min(runtime.GOMAXPROCS(0), MaxCaches)
}

// Enter locks the cache with a number and returns it.
func (s *Set) Enter(id int) *Cache {
	s.locks[id].Lock()
	c := loadCache(&s.caches[id])
	if c == &nobody {
		s.locks[id].Unlock()
	}
	return c
}

// Leave unlocks c. The caller may not use it any more.
func (s *Set) Leave(c *Cache) {
	if c != &nobody {
		s.locks[c.owner()].Unlock()
	}
}

// A visit is a stay like any other.

func Here() int { return Pin() }

type visits struct{}

func (*visits) init() {}

func (*visits) put(int, *Cache) {}

func (s *Set) Visit(here int) *Cache { return s.Enter(here) }

func (s *Set) Done(c *Cache) { s.Leave(c) }

// enterAgain enters the cache that c was, which Pin need not find from another stack frame.
func (s *Set) enterAgain(c *Cache) *Cache { return s.Enter(c.owner()) }

// owner returns what Pin does.
func (s *Set) owner() int { return Pin() }

// seize makes the caller the owner of the caches, after waiting for those who use them.
func (s *Set) seize(ids []int) {
	for _, id := range ids {
		s.locks[id].Lock()
	}
}

// restore gives the caches back to their owners; who lost his finds nobody.
func (s *Set) restore(ids []int) {
	for _, id := range ids {
		s.put(id, s.open(id))
		s.locks[id].Unlock()
	}
}
