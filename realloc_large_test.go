package spanheap_test

import (
	"math/bits"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

const pageBytes = 8 << 10

// realloc changes the size of a block that is filled by its owner, and checks what must be true of it after.
func realloc(t testing.TB, h *spanheap.Heap, x tenant, n int) tenant {
	t.Helper()
	b, err := h.Realloc(x.bytes, n)
	require.NoError(t, err)
	require.Len(t, b, n)
	require.Equal(t, n, cap(b))
	kept := min(n, len(x.bytes)) &^ 7
	require.NoError(t, (&tenant{b[:kept], x.mark}).intactAt(addressOf(x.bytes)))
	if n > len(x.bytes) {
		requireZeroed(t, b[len(x.bytes):])
	}
	return movedIn(b, x.mark+1)
}

func TestLargeBlocksGrowIntoFreeNeighbours(t *testing.T) {
	const first = 64 << 10 // whole pages of any system
	for _, released := range []bool{false, true} {
		for _, align := range []int{1, 1 << 16, 1 << 21} {
			h := newHeap(t)
			b, err := h.AllocAligned(first, align)
			require.NoError(t, err)
			x := movedIn(b, 1)
			neighbour := dirty(t, h, 1<<20)
			if addressOf(neighbour) != addressOf(b)+first {
				h.Free(neighbour)
				neighbour = nil
			}
			last := dirty(t, h, 64<<10)
			h.Free(neighbour)
			if released {
				h.Release(everything)
			}
			for _, n := range []int{first + 1, 100_000, 500_000, 1 << 20} {
				y := realloc(t, h, x, n)
				require.Equal(t, addressOf(b), addressOf(y.bytes), "%d bytes, aligned to %d", n, align)
				require.GreaterOrEqual(t, spanheap.UsableSize(y.bytes), n)
				require.EqualValues(t, n+64<<10, h.Stats().Live)
				require.EqualValues(t, 2, h.Stats().LiveBlocks)
				require.NoError(t, h.Verify())
				x = y
			}
			h.Free(x.bytes)
			h.Free(last)
			closeEmpty(t, h)
		}
	}
}

func TestShrinkingGivesTheTailBack(t *testing.T) {
	h := newHeap(t)
	x := movedIn(alloc(t, h, 1<<20), 1)
	guard := alloc(t, h, 40<<10)
	address := addressOf(x.bytes)
	for _, c := range []struct{ n, usable int }{
		{1<<20 - 1, 1 << 20},
		{1<<20 - 100<<10, 1 << 20}, // less than an eighth
		{1<<20 - 128<<10, 1<<20 - 128<<10},
		{810_000, 1<<20 - 128<<10},
		{500_000, 62 * pageBytes},
		{500_000 - pageBytes, 62 * pageBytes},
		{40 << 10, 40 << 10},
		{32<<10 + 1, 40 << 10},
	} {
		free := h.Stats().FreePages
		before := spanheap.UsableSize(x.bytes)
		x = realloc(t, h, x, c.n)
		require.Equal(t, address, addressOf(x.bytes))
		require.Equal(t, c.usable, spanheap.UsableSize(x.bytes), "%d bytes", c.n)
		require.EqualValues(t, before-c.usable, h.Stats().FreePages-free)
		require.NoError(t, h.Verify())
	}
	x = realloc(t, h, x, 1<<20) // into its own tail
	require.Equal(t, address, addressOf(x.bytes))
	h.Free(x.bytes)
	h.Free(guard)
	closeEmpty(t, h)
}

// Blocks that grow step by step, one beside the other, move only now and then, and cost no memory beyond
// what they hold, whether they are moved or copied.
func TestGrowingAgainAndAgain(t *testing.T) {
	h := newHeap(t)
	most := loops(8 << 20)
	var blocks [3]tenant
	for i := range blocks {
		blocks[i] = movedIn(alloc(t, h, 33<<10), uint64(i)<<32)
	}
	moves, steps := 0, 0
	for n := 34 << 10; n < most; n += n / 16 {
		for i, x := range blocks {
			blocks[i] = realloc(t, h, x, n)
			steps++
			if addressOf(blocks[i].bytes) != addressOf(x.bytes) {
				moves++
			}
		}
	}
	require.Less(t, moves, steps/4)
	s := h.Stats()
	require.Less(t, s.FreePages, 3*s.Live, "%d of %d steps moved", moves, steps)
	for _, x := range blocks {
		h.Free(x.bytes)
	}
	closeEmpty(t, h)
}

// What is new in a block reads zero, whatever has been where it grows or moves to.
func TestReallocOfLargeBlocksAmongOthers(t *testing.T) {
	h := newHeap(t)
	r := rand.New(rand.NewPCG(1, 2))
	var blocks []tenant
	for i := range 12 {
		blocks = append(blocks, movedIn(alloc(t, h, 33<<10+r.IntN(100_000)), uint64(i)<<32))
	}
	for i := range loops(600) {
		k := r.IntN(len(blocks))
		switch r.IntN(8) {
		case 0:
			h.Release(r.IntN(4 << 20))
		case 1:
			h.Free(blocks[k].bytes)
			blocks[k] = movedIn(dirty(t, h, 33<<10+logUniform(r, 20)), uint64(i)<<16)
		default:
			blocks[k] = realloc(t, h, blocks[k], max(33<<10, logUniform(r, 22)))
		}
		if i%20 == 0 {
			require.NoError(t, h.Verify())
			for _, x := range blocks {
				require.NoError(t, x.intact())
			}
		}
	}
	for _, x := range blocks {
		h.Free(x.bytes)
	}
	closeEmpty(t, h)
}

func TestManyReallocateAtOnce(t *testing.T) {
	h := newHeap(t)
	var wg sync.WaitGroup
	for g := range uint64(4) {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(g, 0))
			x := movedIn(must(h.Alloc(40<<10)), g<<40)
			for range loops(150) {
				b, err := h.Realloc(x.bytes, max(33<<10, logUniform(r, 22)))
				if err != nil {
					t.Error(err)
					return
				}
				kept := min(len(b), len(x.bytes)) &^ 7
				if err := (&tenant{b[:kept], x.mark}).intactAt(addressOf(x.bytes)); err != nil {
					t.Error(err)
					return
				}
				x = movedIn(b, x.mark+1)
				if r.IntN(10) == 0 {
					h.Release(1 << 20)
				}
			}
			h.Free(x.bytes)
		})
	}
	wg.Wait()
	closeEmpty(t, h)
}

func TestReallocOfAFreedLargeBlock(t *testing.T) {
	h := newHeap(t)
	b := alloc(t, h, 1<<20)
	h.Free(b)
	e := caught(t, func(f func()) { f() }, func() { h.Realloc(b, 2<<20) })
	require.Equal(t, spanheap.DoubleFree, e.Kind)
	require.NoError(t, h.Verify())
	closeEmpty(t, h)
}

func TestAllocAtLeastHandsOutTheWholeSlot(t *testing.T) {
	h := newHeap(t)
	for _, n := range edges() {
		h.Free(dirty(t, h, spanheap.GoodSize(n)))
		b, err := h.AllocAtLeast(n)
		require.NoError(t, err)
		require.GreaterOrEqual(t, len(b), n)
		require.Equal(t, len(b), cap(b))
		require.Equal(t, spanheap.UsableSize(b), len(b))
		require.Equal(t, spanheap.GoodSize(n), len(b))
		require.EqualValues(t, len(b), h.Stats().Live)
		requireZeroed(t, b)
		h.Free(b)
	}
	for _, n := range []int{-1, everything} {
		_, err := h.AllocAtLeast(n)
		require.ErrorIs(t, err, spanheap.ErrSize)
	}
	b, err := spanheap.AllocAtLeast(100)
	require.NoError(t, err)
	require.Len(t, b, 104)
	spanheap.Free(b)
	closeEmpty(t, h)
}

func TestAlignmentUpToMaxAlign(t *testing.T) {
	h := newHeap(t)
	most := min(30, hugeBits)
	if bits.UintSize == 32 {
		most = min(28, hugeBits) // a narrow address space may have no more
	}
	for shift := range most + 1 {
		align := 1 << shift
		for _, n := range []int{1, 9000, 100_000} {
			b, err := h.AllocAligned(n, align)
			require.NoError(t, err)
			require.Zero(t, addressOf(b)%uintptr(align), "%d", align)
			x := movedIn(b, 1)
			require.NoError(t, x.intact())
			h.Free(b)
		}
	}
	_, err := h.AllocAligned(1, spanheap.MaxAlign+1)
	require.ErrorIs(t, err, spanheap.ErrAlign)
	closeEmpty(t, h)
}
