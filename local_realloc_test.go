package spanheap_test

import (
	"cmp"
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// A Local changes its own blocks and others', and others change its: nothing is lost, and each is what it was, and zero
// behind it.
func TestLocalReallocKeepsWhatItMoves(t *testing.T) {
	h := newHeap(t)
	l := h.Local()
	random := rand.New(rand.NewPCG(1, 2))
	sizes := reallocSizes()
	draw := func() int { return sizes[random.IntN(len(sizes)-2)] } // without those of 100 KiB and more
	blocks := make([][]byte, 200)
	for step := range loops(6000) {
		k := random.IntN(len(blocks))
		b, to := blocks[k], draw()
		realloc, free := l.Realloc, h.Free
		if random.IntN(4) == 0 {
			realloc, free = h.Realloc, l.Free
		}
		if random.IntN(8) == 0 {
			free(b)
			b = must(l.AllocUninit(draw()))
			countUp(b, step)
		}
		c, err := realloc(b, to)
		require.NoError(t, err)
		require.Len(t, c, to)
		require.Equal(t, to, cap(c))
		if cap(b) > 0 && spanheap.GoodSize(cap(b)) == spanheap.GoodSize(to) {
			require.Equal(t, addressOf(b), addressOf(c))
		}
		kept := min(len(b), to)
		for i := range c[:kept] {
			if c[i] != byte(i)+c[0] {
				require.FailNowf(t, "not kept", "byte %d of %d, once %d", i, to, len(b))
			}
		}
		requireZeroed(t, c[kept:])
		countUp(c, step)
		blocks[k] = c
	}
	require.NoError(t, h.Verify())
	live := uint64(0)
	for _, b := range blocks {
		live += uint64(len(b))
	}
	require.Equal(t, live, h.Stats().Live)
	for _, b := range blocks {
		h.Free(must(l.Realloc(b, 0)))
	}
	require.NoError(t, l.Close())
	closeEmpty(t, h)
}

// countUp writes bytes that count upwards.
func countUp(b []byte, from int) {
	for i := range b {
		b[i] = byte(from + i)
	}
}

func TestLocalReallocThatFailsLeavesTheBlock(t *testing.T) {
	h := newLimited(t, spanheap.Options{Limit: 1 << 20})
	l := h.Local()
	x := movedIn(must(l.Alloc(100)), 1)
	for _, to := range []int{-1, everything} {
		_, err := l.Realloc(x.bytes, to)
		require.ErrorIs(t, err, spanheap.ErrSize)
	}
	for _, b := range fillUp(t, h, 20_000) {
		defer h.Free(b)
	}
	_, err := l.Realloc(x.bytes, 20_000)
	require.ErrorIs(t, err, spanheap.ErrLimit)
	require.NoError(t, x.intact())

	require.NoError(t, l.Close())
	_, err = l.Realloc(x.bytes, 200)
	require.ErrorIs(t, err, spanheap.ErrClosed)
	_, err = l.Realloc(nil, 200)
	require.ErrorIs(t, err, spanheap.ErrClosed)
	require.NoError(t, x.intact())
	l.Free(x.bytes)
	require.NoError(t, h.Verify())
}

func TestLocalReallocReportsMisuse(t *testing.T) {
	h, other := newHeap(t), newHeap(t)
	l := h.Local()
	freed, whole, foreign := must(l.Alloc(64)), must(l.Alloc(64)), alloc(t, other, 64)
	l.Free(freed)
	for kind, b := range map[spanheap.MisuseKind][]byte{
		spanheap.DoubleFree:      freed,
		spanheap.InteriorAddress: whole[1:],
		spanheap.WrongHeap:       foreign,
		spanheap.ForeignAddress:  make([]byte, 64),
	} {
		m := panicOf(func() { l.Realloc(b, 200) })
		require.NotNil(t, m, "%v", kind)
		require.Equal(t, kind, m.Kind)
		require.Equal(t, "Realloc", m.Op)
	}
	l.Free(whole)
	require.NoError(t, l.Close())
	closeEmpty(t, h)
	other.Free(foreign)
	closeEmpty(t, other)
}

// Whoever frees a block while a Local reallocates it, here at the limit, is one of two who free it, of whom one is refused.
func TestABlockFreedDuringItsLocalRealloc(t *testing.T) {
	var b []byte
	var h *spanheap.Heap
	var atFree *spanheap.MisuseError
	armed := false
	h = must(spanheap.NewHeap(spanheap.Options{Limit: 1 << 20, Scavenge: spanheap.Never(), OnLimit: func(int) bool {
		if !armed {
			return false
		}
		atFree = panicOf(func() { h.Free(b) })
		h.SetLimit(2 << 20)
		return true
	}}))
	l := h.Local()
	b = must(l.Alloc(100))
	others := fillUp(t, h, 30_000)
	armed = true
	atRealloc := panicOf(func() { h.Free(must(l.Realloc(b, 30_000))) })
	require.NotEqual(t, atFree == nil, atRealloc == nil)
	m := cmp.Or(atFree, atRealloc)
	require.Equal(t, spanheap.DoubleFree, m.Kind)
	require.Equal(t, addressOf(b), m.Addr)
	require.Equal(t, atFree == nil, m.Op == "Realloc")
	for _, b := range others {
		h.Free(b)
	}
	require.NoError(t, l.Close())
	closeEmpty(t, h)
}
