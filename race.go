//go:build race

package spanheap

import "runtime"

// In race builds arenas come from the Go heap, where the detector sees the callers' accesses. What
// it cannot see is that a block that is freed by one goroutine and handed to another by the heap
// changes hands in order; the two functions tell it.

// raceAlloc orders the caller behind the free of the memory.
func raceAlloc(p, n uintptr) { runtime.RaceAcquire(pointer(p)) }

// raceFree counts as a write to the whole block, so that an access that races with the free is
// reported, and orders the caller before the next allocation of the memory.
func raceFree(p, n uintptr) {
	runtime.RaceWriteRange(pointer(p), int(n))
	runtime.RaceReleaseMerge(pointer(p))
}

// Between raceIgnore and raceHeed the detector takes no order from what the caller does.
func raceIgnore() { runtime.RaceDisable() }

func raceHeed() { runtime.RaceEnable() }
