package pattern

// rptest is rpmalloc's benchmark: every goroutine replaces runs of its blocks, of 16 to 16,000 bytes,
// from a random place on; every second run is not freed by itself but handed to another goroutine. An
// operation is one replacement.
type rptest struct {
	hands
	sizes   *sizes
	tables  []*slots
	meeting exchange
	groups  []*group // of each goroutine, empty between two turns
	turns   []int    // of each goroutine
}

const (
	rptestSlots  = 1_000
	rptestRun    = 100
	rptestStride = 7 // between the slots of a run
)

func newRptest(p Params) workload {
	w := &rptest{
		hands: openAll(p.Procs), sizes: logUniform(16, 16_000),
		meeting: newExchange(p.Procs), turns: make([]int, p.Procs),
	}
	for i, h := range w.hands {
		w.tables = append(w.tables, newSlots(h, rptestSlots, i, w.sizes))
		w.groups = append(w.groups, new(group))
	}
	return w
}

func (w *rptest) run(n int) int {
	turns := (n + rptestRun - 1) / rptestRun
	together(len(w.hands), func(i int) {
		h, t, g := w.hands[i], w.tables[i], w.groups[i]
		for range turns {
			t.random = random(t.random)
			start := pick(t.random, rptestSlots)
			if w.turns[i]++; w.turns[i]%2 == 0 {
				for j := range rptestRun {
					g.blocks[j] = t.blocks[(start+j*rptestStride)%rptestSlots]
				}
				g.n = rptestRun
				g = w.meeting.swap(w.turns[i]/2, g)
				h.drain(g.blocks[:g.n])
			} else {
				for j := range rptestRun {
					h.put(t.blocks[(start+j*rptestStride)%rptestSlots])
				}
			}
			for j := range rptestRun {
				t.random = random(t.random)
				b := h.get(w.sizes.draw(t.random))
				touch(b)
				t.blocks[(start+j*rptestStride)%rptestSlots] = b
			}
		}
		w.groups[i] = g
	})
	return turns * rptestRun
}

func (w *rptest) close() {
	for i, h := range w.hands {
		h.drain(w.tables[i].blocks)
	}
	w.meeting.drain(w.hands[0])
	w.hands.close()
}
