package mcentral

import (
	"sync/atomic"

	"github.com/spanheap/spanheap/mheap"
)

// stash is a stack of slots that caches gave back and that are not in their spans yet, so that what one
// cache has too much of goes to the next that has too little without a look at the spans. The slots are
// Held. It is of a bounded length, and is emptied when the heap grows and when it is drained. The idea is
// TCMalloc's transfer cache.
type stash struct {
	slots []mheap.Slot // off the Go heap; nil before the first use
	n     int          // how many there are
	home  uint8        // of the slots, or of most
	used  atomic.Bool  // whether there may be any, for who does not hold the central's lock
}

const (
	stashSlots = 256
	stashBytes = 64 << 10 // what the slots of a stash may be of
)

// stashRoom is how many slots a stash of the class has room for.
func stashRoom(class mheap.SpanClass) int {
	return int(min(stashSlots, stashBytes/class.Layout().Bytes))
}

// put takes all of the slots, or none when there is no room. It tells whether it did.
func (t *stash) put(slots []mheap.Slot) bool {
	if t.n+len(slots) > len(t.slots) {
		return false
	}
	t.n += copy(t.slots[t.n:], slots)
	t.used.Store(t.n > 0)
	return true
}

// take moves the slots that came last to dst, and returns how many.
func (t *stash) take(dst []mheap.Slot) int {
	n := min(t.n, len(dst))
	t.n -= n
	return copy(dst, t.slots[t.n:t.n+n])
}

// all returns every slot there is; it is empty then.
func (t *stash) all() []mheap.Slot {
	n := t.n
	t.n = 0
	t.used.Store(false)
	return t.slots[:n]
}
