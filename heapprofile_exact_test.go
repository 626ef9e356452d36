package spanheap_test

import (
	"math/rand/v2"
	"strconv"
	"sync"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/pprofproto"
	"github.com/stretchr/testify/require"
)

// blockKinds are all ways to allocate a block and to free it. Each tells how many bytes it asked for.
var blockKinds = map[string]func(h *spanheap.Heap, l *spanheap.Local) (n int, free func()){
	"Alloc, Free": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Alloc(100))
		return 100, func() { h.Free(b) }
	},
	"AllocUninit, package Free": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.AllocUninit(32 << 10))
		return 32 << 10, func() { spanheap.Free(b) }
	},
	"tiny": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Alloc(3))
		return 3, func() { h.Free(b) }
	},
	"large": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Alloc(100_000))
		return 100_000, func() { h.Free(b) }
	},
	"very large": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Alloc(3 << 20))
		return 3 << 20, func() { h.Free(b) }
	},
	"aligned": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.AllocAligned(100, 1024))
		return 100, func() { h.Free(b) }
	},
	"aligned, large": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.AllocAligned(100, 1<<20))
		return 100, func() { h.Free(b) }
	},
	"Local": func(_ *spanheap.Heap, l *spanheap.Local) (int, func()) {
		b := must(l.Alloc(200))
		return 200, func() { l.Free(b) }
	},
	"Local, tiny": func(_ *spanheap.Heap, l *spanheap.Local) (int, func()) {
		b := must(l.Alloc(4))
		return 4, func() { l.Free(b) }
	},
	"Batch": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		batch := make([][]byte, 100)
		must(h.AllocBatch(50, batch))
		return 5000, func() { h.FreeBatch(batch) }
	},
	"New, Delete": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		p := must(spanheap.New[[24]byte](h))
		return 24, func() { spanheap.Delete(p) }
	},
	"New, Delete, tiny": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		p := must(spanheap.New[[3]byte](h))
		return 3, func() { spanheap.Delete(p) }
	},
	"New, Delete, references": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		p := must(spanheap.New[[2]spanheap.Ptr[int64]](h))
		return 2 * strconv.IntSize / 8, func() { spanheap.Delete(p) }
	},
	"MakeSlice, FreeSlice, large": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		s := must(spanheap.MakeSlice[int64](h, 10, 10_000))
		return 80_000, func() { spanheap.FreeSlice(s) }
	},
	"Realloc in place": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Realloc(must(h.Alloc(97)), 104))
		return 104, func() { must(h.Realloc(b, 0)) }
	},
	"Realloc in place, tiny": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Realloc(must(h.Alloc(3)), 4))
		return 4, func() { h.Free(b) }
	},
	"Realloc of large ones in place": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Realloc(must(h.Alloc(500_000)), 200_000))
		b = must(h.Realloc(b, 700_000))
		b = must(h.Realloc(b, 699_000))
		return 699_000, func() { h.Free(b) }
	},
	"Realloc moves large ones": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b, wall := must(h.Alloc(500_000)), must(h.Alloc(1))
		b = must(h.Realloc(b, 3<<20))
		h.Free(wall)
		return 3 << 20, func() { h.Free(b) }
	},
	"Realloc moves": func(h *spanheap.Heap, _ *spanheap.Local) (int, func()) {
		b := must(h.Realloc(must(h.Alloc(3)), 8))
		b = must(h.Realloc(b, 50_000))
		return 50_000, func() { h.Free(b) }
	},
}

// With the rate 1 the profile is exact, whatever way blocks come and go.
func TestProfileOfEveryBlock(t *testing.T) {
	profileRate(t, 1)
	for name, allocate := range blockKinds {
		h := newHeap(t)
		l := h.Local()
		before := h.Stats()
		for range 3 {
			n, free := allocate(h, l)
			s, got := h.Stats(), sum(profileOf(t, h), every)
			require.EqualValues(t, s.Mallocs, got.allocObjects, name)
			require.EqualValues(t, s.LiveBlocks, got.inuseObjects, name)
			require.EqualValues(t, s.Live, got.inuseSpace, name)
			require.EqualValues(t, n, got.inuseSpace, name)
			require.NoError(t, h.Verify(), name)
			free()
			got = sum(profileOf(t, h), every)
			require.Equal(t, sums{allocObjects: got.allocObjects, allocSpace: got.allocSpace}, got, "%s: nothing lives", name)
		}
		require.Zero(t, before.Mallocs)
		require.NoError(t, l.Close())
		closeEmpty(t, h)
	}
}

// The same for a random load of several goroutines, down to what is wasted.
func TestExactProfileOfALoad(t *testing.T) {
	profileRate(t, 1)
	h := newHeap(t)
	var workers sync.WaitGroup
	var live [4][][]byte
	for w := range live {
		workers.Go(func() {
			r := rand.New(rand.NewPCG(uint64(w), 1))
			for range loops(3000) {
				live[w] = append(live[w], must(h.Alloc(1+logUniform(r, 16))))
				if k := r.IntN(len(live[w])); r.IntN(3) > 0 {
					h.Free(live[w][k])
					live[w][k] = live[w][len(live[w])-1]
					live[w] = live[w][:len(live[w])-1]
				}
			}
		})
	}
	workers.Wait()
	waste := 0
	for _, blocks := range live {
		for _, b := range blocks {
			waste += spanheap.GoodSize(len(b)) - len(b)
		}
	}
	require.NoError(t, h.Verify())
	s, p := h.Stats(), profileOf(t, h)
	got := sum(p, every)
	require.EqualValues(t, s.Mallocs, got.allocObjects)
	require.EqualValues(t, s.LiveBlocks, got.inuseObjects)
	require.EqualValues(t, s.Live, got.inuseSpace)
	require.EqualValues(t, waste, got.waste)
	for _, c := range s.Classes {
		of := sum(p, func(x pprofproto.Sample) bool { return label(x, "class").Text == c.Name })
		require.EqualValues(t, c.LiveSlots, of.inuseObjects, c.Name)
		require.EqualValues(t, c.Live, of.inuseSpace, c.Name)
		require.EqualValues(t, c.Rounding, of.waste, c.Name)
	}
	for _, blocks := range live {
		h.FreeBatch(blocks)
	}
	closeEmpty(t, h)
}
