package pattern

// larson is the server of Larson and Krishnan (Memory Allocation for Long-Running Server Applications,
// 1998): every goroutine replaces random blocks of a table for a while, then leaves the table to a
// goroutine that it starts, so that blocks are freed by others than those who allocated them. At the
// start all blocks are of one goroutine. An operation is one replacement.
type larson struct {
	sizes  *sizes
	tables []*slots
}

const (
	larsonSlots = 5_000
	larsonLife  = 100_000 // replacements before a goroutine leaves its table
)

func newLarson(p Params) workload {
	w := &larson{sizes: uniform(8, 1000)}
	h := open()
	defer h.close()
	for i := range p.Procs {
		w.tables = append(w.tables, newSlots(h, larsonSlots, i, w.sizes))
	}
	return w
}

func (w *larson) run(n int) int {
	lives := (n + larsonLife - 1) / larsonLife
	together(len(w.tables), func(i int) {
		for range lives {
			inherit(func(h handle) { w.tables[i].churn(h, larsonLife, w.sizes) })
		}
	})
	return lives * larsonLife
}

// inherit runs life on a new goroutine with a new handle, and waits for its end.
func inherit(life func(handle)) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		h := open()
		defer h.close()
		life(h)
	}()
	<-ended
}

func (w *larson) close() {
	h := open()
	defer h.close()
	for _, t := range w.tables {
		h.drain(t.blocks)
	}
}
