package spanheap

import "time"

// Watch is DumpOn with the clock in the caller's hands: each call of look is one look.
func (h *Heap) Watch(r Rule) (look func(now time.Time), err error) {
	w, err := h.newWatcher(r)
	if err != nil {
		return nil, err
	}
	return w.look, nil
}
