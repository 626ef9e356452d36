//go:build race || spanheap_debug

package spanheap

import "sync/atomic"

// localUse notices two goroutines in one Local: by a count that only one may change at a time, which
// panics, and by a plain word, which the race detector watches.
type localUse struct {
	inside atomic.Int32
	last   uint64
}

func (u *localUse) begin() {
	if u.inside.Add(1) != 1 {
		panic("spanheap: a Local is used by two goroutines at once")
	}
	u.last++
}

func (u *localUse) end() { u.inside.Add(-1) }
