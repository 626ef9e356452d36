package pattern

// slots is one goroutine's table of blocks, of which a random one at a time is replaced. No slot is
// ever empty.
type slots struct {
	blocks []block
	random uint64
}

func newSlots(h handle, n, i int, s *sizes) *slots {
	t := &slots{make([]block, n), seed(i)}
	for k := range t.blocks {
		t.random = random(t.random)
		b := h.get(s.draw(t.random))
		touch(b)
		t.blocks[k] = b
	}
	return t
}

// churn replaces n blocks. A step frees a random slot's block and fills the slot with a new one.
func (t *slots) churn(h handle, n int, s *sizes) {
	blocks, r := t.blocks, t.random
	for range n {
		r = random(r)
		k := pick(r, len(blocks))
		h.put(blocks[k])
		b := h.get(s.draw(r))
		touch(b)
		blocks[k] = b
	}
	t.random = r
}

// mixedSlots is how many blocks a goroutine of mixed and swap has.
const mixedSlots = 10_000

func mixedSizes(size int) *sizes {
	if size > 0 {
		return constant(size)
	}
	return logUniform(8, 8192)
}

// mixed churns a table of slots on every goroutine. An operation is one replacement.
type mixed struct {
	hands
	sizes  *sizes
	tables []*slots
}

func newMixed(p Params) workload {
	w := &mixed{hands: openAll(p.Procs), sizes: mixedSizes(p.Size)}
	for i, h := range w.hands {
		w.tables = append(w.tables, newSlots(h, mixedSlots, i, w.sizes))
	}
	return w
}

func (w *mixed) run(n int) int {
	together(len(w.hands), func(i int) { w.tables[i].churn(w.hands[i], n, w.sizes) })
	return n
}

func (w *mixed) close() {
	for i, h := range w.hands {
		h.drain(w.tables[i].blocks)
	}
	w.hands.close()
}

// swapPeriod is after how many steps the goroutines of swap exchange their tables.
const swapPeriod = 10_000

// swap is mixed, where goroutines hand their tables round in a ring after every period.
type swap struct {
	mixed
	round   int // exchanges made
	meeting barrier
}

func newSwap(p Params) workload {
	return &swap{mixed: *newMixed(p).(*mixed), meeting: barrier{parties: uint32(p.Procs)}}
}

func (w *swap) run(n int) int {
	periods := (n + swapPeriod - 1) / swapPeriod
	procs := len(w.hands)
	together(procs, func(i int) {
		for r := range periods {
			w.tables[(i+w.round+r)%procs].churn(w.hands[i], swapPeriod, w.sizes)
			w.meeting.wait()
		}
	})
	w.round += periods
	return periods * swapPeriod
}
