//go:build !race && !spanheap_portable

package mcache

import "runtime"

// MaxCaches bounds the numbers of Ps that can have a cache.
const MaxCaches = 1024

// wanders says that a goroutine changes owners where the scheduler likes it.
const wanders = true

// ownerLocks are not needed where a P is its cache's owner.
type ownerLocks struct{}

// Pin keeps the caller on its P until Leave, and returns the P's number, for Enter.
func Pin() int { return procPin() }

// Enter returns the cache of the P with a number, to which the caller is pinned.
//
//go:nosplit
func (s *Set) Enter(id int) *Cache { return s.caches.of(id) }

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
// a goroutine that is pinned or on a visit does not stop.
func (s *Set) seize(ids []int) {
	for _, id := range ids {
		s.put(id, &nobody)
	}
	stopOnce()
}

// stopOnce returns when the world has been stopped once since it was called. The runtime stops it to write all
// goroutines' stacks, which have no room here; to read MemStats it would take from all Ps what they have of the Go heap,
// too, and a goroutine profile waits for the one before.
func stopOnce() { runtime.Stack(nil, true) }

// restore gives the caches back to their owners; who lost his finds nobody.
func (s *Set) restore(ids []int) {
	for _, id := range ids {
		s.put(id, s.open(id))
	}
}
