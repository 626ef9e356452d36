package spanheap

import "sync"

// Looking at heaps that somebody else made: reports, metrics and pages do, and know nothing of their ends.
// What reads a heap, or gives its free memory back, holds off its Close for that long.

// readers are those who look at a heap; Close waits for them. Whoever is one calls nobody who may close
// the heap.
type readers struct{ sync.RWMutex }

// wait returns when those who were reading at the call are done.
func (r *readers) wait() {
	r.Lock()
	defer r.Unlock()
}

// Heaps returns the open heaps, by their numbers. Others may close them meanwhile: Stats, Spans, ReadMetrics
// and profiles of a closed heap are empty, Release gives nothing back, and its other methods are not to be called.
func Heaps() (open []*Heap) {
	for i := range registry.heaps {
		if h := registry.heaps[i].Load(); h != nil {
			open = append(open, h)
		}
	}
	return open
}

// ID returns the heap's number, which no other open heap has; a heap made after its Close may. Names need not
// be unique.
func (h *Heap) ID() int { return int(h.number) }

// Purpose returns what Options.Purpose says.
func (h *Heap) Purpose() string { return h.purpose }

// Limit returns the hard limit in bytes, 0 for none. See SetLimit.
func (h *Heap) Limit() int64 { return int64(h.pages.Budget().Limit()) }

// readable begins to read the heap, unless it is closed. Where it is not, the caller ends with
// readers.RUnlock.
func (h *Heap) readable() bool {
	h.readers.RLock()
	if h.closed.Load() {
		h.readers.RUnlock()
		return false
	}
	return true
}
