package pattern

// allocTest is the test of OLogN's alloc-test: a random slot that is full is emptied, one that is empty
// is filled, with many small blocks and a few large ones. An operation is one slot.
type allocTest struct {
	hands
	sizes  *sizes
	tables []*slots // with empty slots
}

const allocTestSlots = 1 << 15

func newAllocTest(p Params) workload {
	w := &allocTest{hands: openAll(p.Procs), sizes: pareto(16, 8192)}
	for i, h := range w.hands {
		t := &slots{make([]block, allocTestSlots), seed(i)}
		t.flip(h, allocTestSlots, w.sizes)
		w.tables = append(w.tables, t)
	}
	return w
}

func (w *allocTest) run(n int) int {
	together(len(w.hands), func(i int) { w.tables[i].flip(w.hands[i], n, w.sizes) })
	return n
}

// flip empties and fills n slots.
func (t *slots) flip(h handle, n int, s *sizes) {
	blocks, r := t.blocks, t.random
	for range n {
		r = random(r)
		k := pick(r, len(blocks))
		if blocks[k] != nil {
			h.put(blocks[k])
			blocks[k] = nil
			continue
		}
		b := h.get(s.draw(r))
		touch(b)
		blocks[k] = b
	}
	t.random = r
}

// drain frees what the slots hold.
func (t *slots) drain(h handle) {
	for k, b := range t.blocks {
		if b != nil {
			h.put(b)
			t.blocks[k] = nil
		}
	}
}

func (w *allocTest) close() {
	for i, h := range w.hands {
		w.tables[i].drain(h)
	}
	w.hands.close()
}
