package spanheap_test

import (
	"runtime"
	"sync"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

func TestLocalBlocksAreOrdinaryBlocks(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	l := h.Local()

	for _, n := range []int{0, 1, 7, 8, 64, 1000, 32 << 10, 33 << 10, 1 << 20} {
		a, err := l.Alloc(n)
		require.NoError(t, err)
		require.Len(t, a, n)
		require.Equal(t, n, cap(a))
		requireZeroed(t, a)
		movedIn(a, 1)
		b, err := l.AllocUninit(n)
		require.NoError(t, err)
		c, err := h.Alloc(n)
		require.NoError(t, err)

		h.Free(a)        // the heap frees a Local's block
		spanheap.Free(b) // so does the function
		l.Free(c)        // and a Local the heap's

		d, err := l.Alloc(n) // memory that was written to is zeroed again
		require.NoError(t, err)
		requireZeroed(t, d)
		l.Free(d[:n/2])
	}
	require.NoError(t, h.Verify())
	require.Zero(t, h.Stats().LiveBlocks)

	b, err := l.Alloc(100)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.EqualError(t, l.Close(), "spanheap: the Local is closed")
	require.ErrorIs(t, l.Close(), spanheap.ErrClosed)
	_, err = l.Alloc(100)
	require.ErrorIs(t, err, spanheap.ErrClosed)
	require.Equal(t, uint64(1), h.Stats().LiveBlocks, "its blocks outlive a Local")
	l.Free(b)
	require.NoError(t, h.Verify())
	require.NoError(t, h.Close())
}

// A heap that is full or closed still has Locals: they tell what it would.
func TestALocalWithoutACache(t *testing.T) {
	h := newLimited(t, spanheap.Options{Limit: 1 << 20})
	locals := []*spanheap.Local{h.Local()}
	blocks := fillUp(t, h, 1000)
	for range 100 { // more than there is room for their caches
		locals = append(locals, h.Local())
	}
	for _, l := range locals {
		_, err := l.Alloc(30_000)
		require.ErrorIs(t, err, spanheap.ErrLimit)
		require.ErrorContains(t, err, "30000 bytes")
	}
	for i, b := range blocks {
		locals[i%len(locals)].Free(b)
	}
	for _, l := range locals {
		for _, n := range []int{0, 3, 1000, 100_000} {
			b, err := l.Alloc(n)
			require.NoError(t, err)
			require.Len(t, b, n)
			requireZeroed(t, b)
			movedIn(b, 1)
			l.Free(b)
		}
		require.NoError(t, l.Close())
		require.ErrorIs(t, l.Close(), spanheap.ErrClosed)
		_, err := l.Alloc(64)
		require.ErrorIs(t, err, spanheap.ErrClosed)
	}
	closeEmpty(t, h)

	l := h.Local()
	for _, n := range []int{0, 3, 1000, 100_000} {
		_, err := l.AllocUninit(n)
		require.ErrorIs(t, err, spanheap.ErrClosed)
	}
	require.NoError(t, l.Close())
}

func TestLocalReportsMisuse(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	l := h.Local()
	b, err := l.Alloc(64)
	require.NoError(t, err)
	l.Free(b)
	for _, free := range []func([]byte){l.Free, h.Free} {
		func() {
			defer func() {
				m, ok := recover().(*spanheap.MisuseError)
				require.True(t, ok)
				require.Equal(t, spanheap.DoubleFree, m.Kind)
			}()
			free(b)
		}()
	}
	require.NoError(t, h.Verify())
	require.NoError(t, l.Close())
	require.NoError(t, h.Close())
}

// A goroutine's Local is one cache more: blocks that it frees and never uses again come back when
// it is closed, or when the collector finds it dropped.
func TestLocalGivesBackWhatItHolds(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	fill := func() *spanheap.Local {
		l := h.Local()
		var blocks [][]byte
		for range 1000 {
			b, err := l.Alloc(512)
			require.NoError(t, err)
			blocks = append(blocks, b)
		}
		for _, b := range blocks {
			l.Free(b)
		}
		return l
	}

	l := fill()
	h.Release(1 << 30)
	require.NotZero(t, h.Stats().CachedSlots, "nobody else empties a Local")
	require.NoError(t, l.Close())
	h.Release(1 << 30)
	require.Zero(t, h.Stats().CachedSlots)

	fill() // dropped
	for i := 0; i < 100 && h.Stats().CachedSlots > 0; i++ {
		runtime.GC()
		runtime.Gosched()
		h.Release(1 << 30)
	}
	require.Zero(t, h.Stats().CachedSlots)
	require.NoError(t, h.Verify())
	require.NoError(t, h.Close())
}

func TestLocalsOfManyGoroutines(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	handed := make(chan []byte, 64)
	var makers, takers sync.WaitGroup
	for range 4 {
		makers.Go(func() {
			l := h.Local()
			defer l.Close()
			for i := range 5000 {
				b, err := l.Alloc(i%3000 + 1)
				if err != nil {
					t.Error(err)
					return
				}
				b[0] = 1
				handed <- b
			}
		})
		takers.Go(func() {
			l := h.Local()
			defer l.Close()
			for b := range handed {
				l.Free(b)
			}
		})
	}
	makers.Wait()
	close(handed)
	takers.Wait()
	require.NoError(t, h.Verify())
	require.Zero(t, h.Stats().LiveBlocks)
	require.NoError(t, h.Close())
}

// Tiny blocks that a Local frees are there for its next ones, as others are.
func TestALocalUsesItsTinyBlocksAgain(t *testing.T) {
	profileRate(t, 0)
	h := newHeap(t)
	l := h.Local()
	before := map[uintptr]bool{}
	const count = 8
	for range 3 {
		var blocks [][]byte
		for range count {
			b := must(l.Alloc(3))
			blocks = append(blocks, b)
			before[addressOf(b)] = true
		}
		for _, b := range blocks {
			l.Free(b)
		}
	}
	require.Len(t, before, count)
	require.NoError(t, l.Close())
	closeEmpty(t, h)
}

// Sampled and guarded blocks leave their slots with the Local: with the P they would come to other goroutines, and lie
// among theirs.
func TestALocalKeepsItsSlots(t *testing.T) {
	profileRate(t, 1)
	for _, guard := range []int{-1, 1} {
		h, err := spanheap.NewHeap(spanheap.Options{Scavenge: spanheap.Never(), Guard: guard})
		require.NoError(t, err)
		l := h.Local()
		for _, n := range []int{5, 64, 1000} {
			for range 100 {
				l.Free(must(l.Alloc(n)))
			}
		}
		require.NoError(t, l.Close())
		require.Zero(t, h.Stats().CachedSlots, "guard %d", guard)
		closeEmpty(t, h)
	}
}

// A Local that outlives its heap is of a closed heap, also when other heaps have got the memory.
func TestALocalOfAClosedHeap(t *testing.T) {
	h := newHeap(t)
	used, unused := h.Local(), h.Local()
	must(used.Alloc(64))
	require.NoError(t, h.Close())
	other := newHeap(t)
	theirs := other.Local()
	b := must(theirs.Alloc(64))
	for _, l := range []*spanheap.Local{used, unused} {
		for _, n := range []int{5, 64, 100_000} {
			_, err := l.Alloc(n)
			require.ErrorIs(t, err, spanheap.ErrClosed)
			_, err = l.AllocUninit(n)
			require.ErrorIs(t, err, spanheap.ErrClosed)
		}
		require.Panics(t, func() { l.Free(b) })
		require.NoError(t, l.Close())
		require.ErrorIs(t, l.Close(), spanheap.ErrClosed)
	}
	theirs.Free(b)
	require.NoError(t, theirs.Close())
	closeEmpty(t, other)
}

// A Local takes large blocks from where its P keeps those that were freed.
func TestALocalTakesWhatItsPKeeps(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	profileRate(t, 0)
	h := newHeap(t)
	l := h.Local()
	h.Free(must(h.Alloc(1 << 20))) // pages that it could have instead
	kept := func() uint64 { return h.Stats().CachedSlots }
	for _, take := range []func(int) ([]byte, error){l.AllocUninit, l.Alloc} {
		l.Free(must(l.AllocUninit(100 << 10)))
		require.GreaterOrEqual(t, kept(), uint64(100<<10))
		b := must(take(100 << 10))
		require.Less(t, kept(), uint64(100<<10))
		l.Free(b)
	}
	require.NoError(t, l.Close())
	closeEmpty(t, h)
}
