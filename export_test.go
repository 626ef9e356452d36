package spanheap

import (
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
)

// Tests that count every block want none to be elsewhere: those of guards ask for them.
func init() { guardDefault = NoGuard }

// Watch is DumpOn with the clock in the caller's hands: each call of look is one look.
func (h *Heap) Watch(r Rule) (look func(now time.Time), err error) {
	w, err := h.newWatcher(r)
	if err != nil {
		return nil, err
	}
	return w.look, nil
}

// Drained returns how long failing allocations have emptied caches.
func (h *Heap) Drained() time.Duration {
	h.drains.mu.Lock()
	defer h.drains.mu.Unlock()
	return h.drains.spent
}

// WaitInOrder makes n blocks at most wait in order in Unreachable, and returns what undoes it.
func WaitInOrder(n int) (undo func()) {
	was := reachWaiting
	reachWaiting = n
	return func() { reachWaiting = was }
}

// SetNoteClock gives the heap's notes another clock.
func (h *Heap) SetNoteClock(clock func() time.Duration) {
	h.notes.mu.Lock()
	defer h.notes.mu.Unlock()
	h.notes.clock = clock
}

// DoubleFrees returns how many blocks the heap has found that two freed at one moment.
func (h *Heap) DoubleFrees() int { return int(h.caches.DoubleFrees()) }

// RunLength is how many blocks of a batch are dealt with for one pin.
const RunLength = runLength

// AllocRun and FreeRun do what they can of a batch of small blocks for one pin, and tell of how many blocks.
func (h *Heap) AllocRun(n int, dst [][]byte) int {
	c := h.caches.Enter(mcache.Pin())
	defer h.caches.Leave(c)
	return popRun(c, mheap.SmallNoscan(uintptr(n)), uintptr(n), dst)
}

func (h *Heap) FreeRun(bs [][]byte) int {
	c := h.caches.Enter(mcache.Pin())
	defer h.caches.Leave(c)
	return h.pushRun(c, mheap.SmallNoscan(uintptr(cap(bs[0]))), bs)
}
