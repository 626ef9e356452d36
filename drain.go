package spanheap

import (
	"sync"
	"sync/atomic"
	"time"
)

// drains paces what allocations do that fail: to empty the caches stops the world, and the goroutines that
// are at work fill them again, so that who fails again and again would stop the others most of the time.
// Drains take a twentieth of the time at most; who comes too early waits.
type drains struct {
	begun atomic.Uint64
	mu    sync.Mutex    // guards what follows, and is held while a drain goes on
	next  time.Time     // when there may be another
	spent time.Duration // in all
}

// The pause behind a drain is as long as these many times the drain took, and the walk over spans, which stops
// nobody.
const (
	drainShare = 19
	walkShare  = 3
)

// drain gives back what caches hold and then, as far as a limit still leaves no room for need bytes more, what
// lies under free slots. It is enough if another goroutine has done so, from beginning to end, since the caller
// came. A caller who does not wait does nothing where he would have to.
func (h *Heap) drain(wait bool, need uint64) {
	d, came := &h.drains, h.drains.begun.Load()
	if !wait && !d.mu.TryLock() {
		return
	}
	if wait {
		d.mu.Lock()
	}
	defer d.mu.Unlock()
	pause := time.Until(d.next)
	if d.begun.Load() > came || !wait && pause > 0 {
		return
	}
	time.Sleep(pause)
	d.begun.Add(1)
	began := time.Now()
	h.caches.Drain()
	drained := time.Now()
	if b := h.pages.Budget(); need > 0 {
		h.releasePages(b.AboveLimit(need))
		h.hollow(b.AboveLimit(need))
	}
	end := time.Now()
	d.spent += drained.Sub(began)
	d.next = end.Add(drainShare*drained.Sub(began) + walkShare*end.Sub(drained))
}
