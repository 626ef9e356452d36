//go:build race || spanheap_debug

package spanheap

import "sync/atomic"

// localUse notices two goroutines in one Local: by a count that only one may change at a time, which
// panics, and by a plain word, which the race detector watches. The detector does not learn of the count, whose steps
// would seem to order the one goroutine's calls behind the other's.
type localUse struct {
	inside atomic.Int32
	last   uint64
}

func (u *localUse) begin() {
	u.last++
	raceIgnore()
	alone := u.inside.Add(1) == 1
	raceHeed()
	if !alone {
		u.end()
		panic("spanheap: a Local is used by two goroutines at once")
	}
}

func (u *localUse) end() {
	raceIgnore()
	u.inside.Add(-1)
	raceHeed()
}
