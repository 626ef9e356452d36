package spanheap

import "time"

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
