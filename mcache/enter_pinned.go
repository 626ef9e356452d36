//go:build !race && !spanheap_portable

package mcache

import (
	"runtime"
	_ "unsafe" // for linkname
)

// MaxCaches bounds the numbers of Ps that can have a cache.
const MaxCaches = 1024

// ownerLocks are not needed where a P is its cache's owner.
type ownerLocks struct{}

// procPin and procUnpin keep the goroutine on its P, and tell the P's number. The runtime promises
// the two names to those who link to them (go.dev/issue/67401).

//go:linkname procPin runtime.procPin
func procPin() int

//go:linkname procUnpin runtime.procUnpin
func procUnpin()

// Enter pins the caller and returns the cache of its P. The place is read by a plain load, which is
// enough: a cache was made before its pointer was stored, and who takes one away stops the world.
func (s *Set) Enter() *Cache {
	return s.caches[min(uint(procPin()), MaxCaches)]
}

// enterAgain is Enter: the caller may be on another P by now.
func (s *Set) enterAgain(*Cache) *Cache { return s.Enter() }

// Leave unpins the caller. It may not use c any more.
func (s *Set) Leave(*Cache) { procUnpin() }

// owner tells which cache Enter would return: the number of the caller's P, right away outdated.
func (s *Set) owner() int {
	id := procPin()
	procUnpin()
	return id
}

// seize makes the caller the owner of the caches, whose owners may be at work. Whoever enters from now
// on finds nobody; whoever had entered before has left when the world has been stopped once, since
// a pinned goroutine does not stop.
func (s *Set) seize(ids []int) {
	for _, id := range ids {
		storeCache(&s.caches[id], &nobody)
	}
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
}

// restore gives the caches back to their owners; who lost his finds nobody.
func (s *Set) restore(ids []int) {
	for _, id := range ids {
		storeCache(&s.caches[id], s.open(id))
	}
}
