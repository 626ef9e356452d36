package pattern

// cacheLines is Hoard's two tests for blocks of different goroutines that share a cache line (Berger et
// al., Hoard: A Scalable Memory Allocator for Multithreaded Applications, 2000). Every goroutine
// allocates a small block, writes to it many times, and frees it. In cache-scratch it first frees a
// block that one goroutine allocated for all, next to each other: an allocator that hands it out again
// makes them share lines for ever. An operation is one block with its writes.
type cacheLines struct {
	hands
	size  int
	gifts []block // room for one of each goroutine in cache-scratch, else nil
}

// cacheLineWrites is how often each byte of a block is written.
const cacheLineWrites = 100

func newCacheLines(gifts bool) func(Params) workload {
	return func(p Params) workload {
		w := &cacheLines{hands: openAll(p.Procs), size: p.Size}
		if gifts {
			w.gifts = make([]block, p.Procs)
		}
		return w
	}
}

func (w *cacheLines) run(n int) int {
	w.hands[0].fill(w.gifts, w.size)
	together(len(w.hands), func(i int) {
		h := w.hands[i]
		if w.gifts != nil {
			h.put(w.gifts[i])
		}
		for range n {
			b := h.get(w.size)
			scribble(bytesOf(b))
			h.put(b)
		}
	})
	return n
}

// scribble writes every byte of a block so often. It is not inlined, and its loop is long, or where the linker puts it would
// decide how fast it is: of a short one it does, by a factor of two.
//
//go:noinline
func scribble(b []byte) {
	for range cacheLineWrites {
		for rest := b; len(rest) > 0; {
			if len(rest) < 8 {
				rest[0]++
				rest = rest[1:]
				continue
			}
			rest[0]++
			rest[1]++
			rest[2]++
			rest[3]++
			rest[4]++
			rest[5]++
			rest[6]++
			rest[7]++
			rest = rest[8:]
		}
	}
}
