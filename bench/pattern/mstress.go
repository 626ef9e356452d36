package pattern

import "sync/atomic"

// mstress is the server of mimalloc's stress test: goroutines that come and go, each with blocks of its
// own, that swap some of them through a table they share; what lies there outlives those who allocated
// it. An operation is one step: half of the steps replace a random block, a quarter free one, a quarter
// swap one.
type mstress struct {
	sizes  *sizes
	shared []transfer
	random []uint64  // of each goroutine
	slots  [][]block // of each goroutine, empty between two lives
}

const (
	mstressSlots  = 1_000
	mstressShared = 1_000
	mstressLife   = 50_000 // steps before a goroutine frees all it has and ends
)

// A transfer is a place where goroutines swap blocks.
type transfer struct {
	taken atomic.Uint32 // 1 while somebody swaps
	block block
}

func newMstress(p Params) workload {
	w := &mstress{sizes: pareto(16, 8192), shared: make([]transfer, mstressShared)}
	for i := range p.Procs {
		w.random = append(w.random, seed(i))
		w.slots = append(w.slots, make([]block, mstressSlots))
	}
	return w
}

func (w *mstress) run(n int) int {
	lives := (n + mstressLife - 1) / mstressLife
	together(len(w.slots), func(i int) {
		for range lives {
			inherit(func(h handle) {
				t := &slots{w.slots[i], w.random[i]}
				t.stress(h, mstressLife, w.sizes, w.shared)
				t.drain(h)
				w.random[i] = t.random
			})
		}
	})
	return lives * mstressLife
}

func (t *slots) stress(h handle, n int, s *sizes, shared []transfer) {
	blocks, r := t.blocks, t.random
	for range n {
		r = random(r)
		k := pick(r, len(blocks))
		if step := r >> 12 % 4; step == 3 {
			blocks[k] = shared[r>>14%uint64(len(shared))].swap(blocks[k])
			continue
		} else if blocks[k] != nil {
			h.put(blocks[k])
			blocks[k] = nil
			if step == 2 {
				continue
			}
		} else if step == 2 {
			continue
		}
		b := h.get(s.draw(r))
		touch(b)
		blocks[k] = b
	}
	t.random = r
}

// swap leaves b and returns what lay there.
func (t *transfer) swap(b block) block {
	for s := spin(0); !t.taken.CompareAndSwap(0, 1); {
		s.again()
	}
	b, t.block = t.block, b
	t.taken.Store(0)
	return b
}

func (w *mstress) close() {
	h := open()
	defer h.close()
	for i := range w.shared {
		if b := w.shared[i].swap(nil); b != nil {
			h.put(b)
		}
	}
}
