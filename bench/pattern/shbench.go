package pattern

// The two tests of MicroQuill's SmartHeap. Blocks of 1 to 1000 bytes, small ones most, are gathered in
// a window; when it is full half of it is freed, by turns the youngest first and the oldest first. An
// operation is one block.

const windowBlocks = 2 * groupBlocks

func shSizes() *sizes { return logUniform(1, 1000) }

// sh6 keeps to its own blocks on every goroutine.
type sh6 struct {
	hands
	sizes   *sizes
	windows []*window
}

// A window is one goroutine's blocks, oldest first. Its older half is full between two turns.
type window struct {
	blocks [windowBlocks]block
	turn   int
	random uint64
}

func newSh6(p Params) workload {
	w := &sh6{hands: openAll(p.Procs), sizes: shSizes()}
	for i, h := range w.hands {
		t := &window{random: seed(i)}
		t.gather(h, t.blocks[:groupBlocks], w.sizes)
		w.windows = append(w.windows, t)
	}
	return w
}

func (w *sh6) run(n int) int {
	turns := (n + groupBlocks - 1) / groupBlocks
	together(len(w.hands), func(i int) {
		t, h := w.windows[i], w.hands[i]
		for range turns {
			t.gather(h, t.blocks[groupBlocks:], w.sizes)
			t.halve(h)
		}
	})
	return turns * groupBlocks
}

func (t *window) gather(h handle, places []block, s *sizes) {
	r := t.random
	for i := range places {
		r = random(r)
		b := h.get(s.draw(r))
		touch(b)
		places[i] = b
	}
	t.random = r
}

func (t *window) halve(h handle) {
	if t.turn++; t.turn%2 == 0 {
		drainBackward(h, t.blocks[groupBlocks:])
		return
	}
	h.drain(t.blocks[:groupBlocks])
	copy(t.blocks[:], t.blocks[groupBlocks:])
}

func drainBackward(h handle, blocks []block) {
	for i := len(blocks) - 1; i >= 0; i-- {
		h.put(blocks[i])
	}
}

func (w *sh6) close() {
	for i, h := range w.hands {
		h.drain(w.windows[i].blocks[:groupBlocks])
	}
	w.hands.close()
}

// sh8 hands every group of blocks to another goroutine, which frees it.
type sh8 struct {
	hands
	sizes   *sizes
	windows []*window
	meeting exchange
	groups  []*group // of each goroutine, empty between two turns
}

func newSh8(p Params) workload {
	w := &sh8{hands: openAll(p.Procs), sizes: shSizes(), meeting: newExchange(p.Procs)}
	for i := range w.hands {
		w.windows = append(w.windows, &window{random: seed(i)})
		w.groups = append(w.groups, new(group))
	}
	return w
}

func (w *sh8) run(n int) int {
	turns := (n + groupBlocks - 1) / groupBlocks
	together(len(w.hands), func(i int) {
		h, t, g := w.hands[i], w.windows[i], w.groups[i]
		for range turns {
			t.gather(h, g.blocks[:], w.sizes)
			g.n = groupBlocks
			t.turn++
			g = w.meeting.swap(t.turn, g)
			if t.turn%2 == 0 {
				drainBackward(h, g.blocks[:g.n])
			} else {
				h.drain(g.blocks[:g.n])
			}
		}
		w.groups[i] = g
	})
	return turns * groupBlocks
}

func (w *sh8) close() {
	w.meeting.drain(w.hands[0])
	w.hands.close()
}
