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

// Pin keeps the caller on its P until Leave, and returns the P's number, for Enter.
func Pin() int { return procPin() }

// Enter returns the cache of the P with a number, to which the caller is pinned. The place is read by a plain load,
// which is enough: a cache was made before its pointer was stored, and who takes one away stops the world.
//
// The first Ps' places are found by branches, which the processor predicts. With an address that depends on the
// number, it would know late where the cache is written to, and what is loaded after that would wait: where we
// measured, 10 instead of 7 ns for each of many allocations in a row.
func (s *Set) Enter(id int) *Cache {
	switch id {
	case 0:
		return s.caches[0]
	case 1:
		return s.caches[1]
	case 2:
		return s.caches[2]
	case 3:
		return s.caches[3]
	}
	return s.caches[min(uint(id), MaxCaches)]
}

// enterAgain is Enter: the caller may be on another P by now.
func (s *Set) enterAgain(*Cache) *Cache { return s.Enter(Pin()) }

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
