package spanheap_test

import (
	"cmp"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// reallocSizes holds a size of every class, two of most, and large ones of one page and of many.
func reallocSizes() []int {
	sizes := []int{1, 2, 3, 4, 5, 7}
	for _, c := range spanheap.SizeClasses() {
		sizes = append(sizes, c.Size-1, c.Size)
	}
	return append(sizes, 32<<10+1, 40<<10, 100<<10, 1<<20)
}

func TestReallocKeepsWhatFitsAndZeroesWhatIsNew(t *testing.T) {
	h := newHeap(t)
	sizes := reallocSizes()
	for i, from := range sizes {
		var live [][]byte
		bytes := 0
		for j, to := range sizes {
			if (i*3+j)%7 != 0 && (from+to > 16<<10 || slowBuild) {
				continue // of the larger ones a part is enough
			}
			h.Free(dirty(t, h, to))
			b := alloc(t, h, from)
			for k := range b {
				b[k] = byte(k*7 + from)
			}
			c, err := h.Realloc(b, to)
			require.NoError(t, err)
			require.Len(t, c, to)
			require.Equal(t, to, cap(c))
			if spanheap.GoodSize(from) == spanheap.GoodSize(to) {
				require.Equal(t, addressOf(b), addressOf(c), "%d to %d bytes stays in place", from, to)
			}
			for k := range min(from, to) {
				if c[k] != byte(k*7+from) {
					require.FailNowf(t, "not kept", "byte %d, %d to %d bytes", k, from, to)
				}
			}
			if to > from {
				requireZeroed(t, c[from:])
			}
			live = append(live, c)
			bytes += to
		}
		s := h.Stats()
		require.EqualValues(t, len(live), s.LiveBlocks)
		require.EqualValues(t, bytes, s.Live)
		for _, b := range live {
			h.Free(b)
		}
	}
	closeEmpty(t, h)
}

// What Realloc keeps is the slice, not its capacity.
func TestReallocOfAPrefix(t *testing.T) {
	h := newHeap(t)
	for _, to := range []int{60, 64, 200, 50000} {
		b := dirty(t, h, 64)
		c, err := h.Realloc(b[:10], to)
		require.NoError(t, err)
		require.Equal(t, b[:10:10], c[:10:10])
		requireZeroed(t, c[10:])
		h.Free(c)
	}
	closeEmpty(t, h)
}

func TestReallocOfNothingAllocates(t *testing.T) {
	h := newHeap(t)
	h.Free(dirty(t, h, 100))
	zero := alloc(t, h, 0)
	for _, from := range [][]byte{nil, {}, zero} {
		for _, realloc := range []func([]byte, int) ([]byte, error){h.Realloc, spanheap.Realloc} {
			b, err := realloc(from, 100)
			require.NoError(t, err)
			require.Len(t, b, 100)
			requireZeroed(t, b)
			spanheap.Free(b)
		}
	}
	closeEmpty(t, h)
}

func TestReallocToNothingFrees(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{3, 100, 100 << 10} {
		b, err := h.Realloc(alloc(t, h, n), 0)
		require.NoError(t, err)
		require.NotNil(t, b)
		require.Zero(t, cap(b))
		require.Zero(t, h.Stats().LiveBlocks)
		h.Free(b)
	}
	closeEmpty(t, h)
}

func TestReallocOfAlignedBlocks(t *testing.T) {
	h := newHeap(t)
	for _, align := range []int{1, 64, 4096, 1 << 16, 1 << 20} {
		for _, from := range []int{1, 5, 100, 9000, 100 << 10} {
			for _, to := range []int{1, 4, 200, 9100, 120 << 10} {
				b, err := h.AllocAligned(from, align)
				require.NoError(t, err)
				x := movedIn(b, 1)
				y, err := h.Realloc(x.bytes, from) // the same size again
				require.NoError(t, err)
				kept := append([]byte(nil), y...)
				z, err := spanheap.Realloc(y, to)
				require.NoError(t, err)
				require.Equal(t, kept[:min(from, to)], z[:min(from, to)])
				if to > from {
					requireZeroed(t, z[from:])
				}
				h.Free(z)
			}
		}
	}
	closeEmpty(t, h)
}

func TestReallocInSmallSteps(t *testing.T) {
	h := newHeap(t)
	b := alloc(t, h, 1)
	b[0] = 0
	for n := 2; n < 80<<10; n += 1 + n/16 {
		grown, err := h.Realloc(b, n)
		require.NoError(t, err)
		for i := len(b); i < n; i++ {
			require.Zero(t, grown[i])
			grown[i] = byte(i)
		}
		b = grown
	}
	for n := len(b) - 1; n > 0; n -= 1 + n/16 {
		shrunk, err := h.Realloc(b, n)
		require.NoError(t, err)
		b = shrunk
		for i := range b {
			if b[i] != byte(i) {
				require.FailNowf(t, "not kept", "byte %d of %d", i, n)
			}
		}
	}
	h.Free(b)
	closeEmpty(t, h)
}

func TestFailedReallocLeavesTheBlock(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{3, 100, 100 << 10} {
		x := movedIn(alloc(t, h, n), 1)
		before := h.Stats()
		for _, to := range []int{-1, everything} {
			for _, realloc := range []func([]byte, int) ([]byte, error){h.Realloc, spanheap.Realloc} {
				_, err := realloc(x.bytes, to)
				require.ErrorIs(t, err, spanheap.ErrSize)
			}
		}
		require.Equal(t, before, h.Stats())
		require.NoError(t, x.intact())
		h.Free(x.bytes)
	}
	closeEmpty(t, h)
}

// Whoever frees a block while it is reallocated, here at the limit, is one of two who free it, of whom one is
// refused; if that is Realloc, the block it made is gone too.
func TestABlockFreedDuringItsRealloc(t *testing.T) {
	for _, n := range []int{5, 100, 20_000} {
		var b []byte
		var h *spanheap.Heap
		var atFree, atRealloc *spanheap.MisuseError
		h = must(spanheap.NewHeap(spanheap.Options{Limit: 4 << 20, OnLimit: func(int) bool {
			atFree = panicOf(func() { h.Free(b) })
			h.SetLimit(8 << 20)
			return true
		}}))
		other := alloc(t, h, 2<<20)
		b = alloc(t, h, n)
		atRealloc = panicOf(func() { h.Free(must(h.Realloc(b, 3<<20))) })
		require.NotEqual(t, atFree == nil, atRealloc == nil, "one of two is refused: %d bytes", n)
		m := cmp.Or(atFree, atRealloc)
		require.Equal(t, spanheap.DoubleFree, m.Kind)
		require.Equal(t, addressOf(b), m.Addr)
		require.Equal(t, atFree == nil, m.Op == "Realloc")
		h.Free(other)
		closeEmpty(t, h)
	}
}
