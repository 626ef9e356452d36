package pattern

import "sync"

// xmalloc is Lever and Boreham's test (malloc() Performance in a Multithreaded Linux Environment,
// 2000): half of the goroutines only allocate, the other half only free, all through one stack of
// groups, where whoever finds it full or empty sleeps. An operation is one block.
type xmalloc struct {
	hands
	size  int
	mu    sync.Mutex
	moved sync.Cond // a group was pushed or popped
	full  []*group
	empty []*group
	left  int // groups to be popped full until the run ends
}

// xmallocGroups is how many groups there are.
const xmallocGroups = 64

func newXmalloc(p Params) workload {
	w := &xmalloc{hands: openAll(p.Procs), size: p.Size}
	w.moved.L = &w.mu
	for range xmallocGroups {
		w.empty = append(w.empty, new(group))
	}
	return w
}

func (w *xmalloc) run(n int) int {
	groups := (n + groupBlocks - 1) / groupBlocks
	w.left = groups * len(w.hands) / 2
	together(len(w.hands), func(i int) {
		if i%2 == 0 {
			w.produce(w.hands[i], groups)
		} else {
			w.consume(w.hands[i])
		}
	})
	return groups * groupBlocks
}

func (w *xmalloc) produce(h handle, groups int) {
	for range groups {
		g := w.pop(&w.empty)
		h.fill(g.blocks[:], w.size)
		w.push(&w.full, g)
	}
}

func (w *xmalloc) consume(h handle) {
	for g := w.popFull(); g != nil; g = w.popFull() {
		h.drain(g.blocks[:])
		w.push(&w.empty, g)
	}
}

func (w *xmalloc) push(to *[]*group, g *group) {
	w.mu.Lock()
	*to = append(*to, g)
	w.mu.Unlock()
	w.moved.Broadcast()
}

func (w *xmalloc) pop(from *[]*group) *group {
	w.mu.Lock()
	defer w.mu.Unlock()
	for len(*from) == 0 {
		w.moved.Wait()
	}
	last := len(*from) - 1
	g := (*from)[last]
	*from = (*from)[:last]
	return g
}

// popFull returns a full group, or nil when all of the run have been popped.
func (w *xmalloc) popFull() *group {
	w.mu.Lock()
	left := w.left
	w.left--
	w.mu.Unlock()
	if left <= 0 {
		return nil
	}
	return w.pop(&w.full)
}
