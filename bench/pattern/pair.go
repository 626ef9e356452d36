package pattern

// pair allocates a block, touches it, frees it, and so on, while neighbours of its size live.
type pair struct {
	hands
	size       int
	neighbours [][]block // of each goroutine
}

func newPair(neighbours int) func(Params) workload {
	return func(p Params) workload {
		w := &pair{openAll(p.Procs), p.Size, make([][]block, p.Procs)}
		for i, h := range w.hands {
			w.neighbours[i] = make([]block, neighbours)
			h.fill(w.neighbours[i], p.Size)
		}
		return w
	}
}

func (w *pair) run(n int) int {
	together(len(w.hands), func(i int) { pairs(w.hands[i], n, w.size) })
	return n
}

func pairs(h handle, n, size int) {
	for range n {
		b := h.get(size)
		touch(b)
		h.put(b)
	}
}

func (w *pair) close() {
	for i, h := range w.hands {
		h.drain(w.neighbours[i])
	}
	w.hands.close()
}
