package pattern

// batch allocates a group of blocks, touches them, and frees them all, in the order they were made or
// at random. An operation is one block.
type batch struct {
	hands
	size   int
	order  []uint16  // nil for the order they were made in
	groups [][]block // of each goroutine: the group, and as many places to sort it
}

func newBatch(length int, random bool) func(Params) workload {
	return func(p Params) workload {
		w := &batch{hands: openAll(p.Procs), size: p.Size}
		if random {
			w.order = shuffled(length)
		}
		for range p.Procs {
			w.groups = append(w.groups, make([]block, 2*length))
		}
		return w
	}
}

func (w *batch) run(n int) int {
	length := len(w.groups[0]) / 2
	rounds := (n + length - 1) / length
	together(len(w.hands), func(i int) {
		h, group, scratch := w.hands[i], w.groups[i][:length], w.groups[i][length:]
		for range rounds {
			h.fill(group, w.size)
			if w.order == nil {
				h.drain(group)
			} else {
				h.drainIn(w.order, group, scratch)
			}
		}
	})
	return rounds * length
}
