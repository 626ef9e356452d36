package spanheap_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
)

func TestHeapsHaveNames(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "index"})
	require.NoError(t, err)
	require.Equal(t, "index", h.Name())
	nameless, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	require.Regexp(t, `^heap \d+$`, nameless.Name())
	closeEmpty(t, h)
	closeEmpty(t, nameless)
}

func TestCloseEndsEveryBlockAndNoOtherHeaps(t *testing.T) {
	h, other := newHeap(t), newHeap(t)
	var others []tenant
	for _, n := range edges() {
		alloc(t, h, n)
		others = append(others, movedIn(alloc(t, other, n), 1))
	}
	before := other.Stats()
	require.NoError(t, h.Verify())
	require.NoError(t, h.Close())

	require.NoError(t, other.Verify())
	require.Equal(t, before, other.Stats())
	for _, x := range others {
		require.NoError(t, x.intact())
		other.Free(x.bytes)
	}
	closeEmpty(t, other)
}

func TestClosedHeapHasNoMemory(t *testing.T) {
	h := newHeap(t)
	kept := alloc(t, h, 100)
	for _, n := range []int{3, 100, 50_000} {
		h.Free(alloc(t, h, n)) // it would be the next to be handed out
	}
	require.NoError(t, h.Close())
	for _, n := range []int{3, 100, 32 << 10, 50_000, 3 << 20} {
		for name, allocate := range map[string]func() error{
			"Alloc":        func() error { _, err := h.Alloc(n); return err },
			"AllocUninit":  func() error { _, err := h.AllocUninit(n); return err },
			"AllocAligned": func() error { _, err := h.AllocAligned(n, 4096); return err },
			"Realloc nil":  func() error { _, err := h.Realloc(nil, n); return err },
			"New":          func() error { _, err := spanheap.New[leaf](h); return err },
			"MakeSlice":    func() error { _, err := spanheap.MakeSlice[byte](h, n, n); return err },
			"Verify":       h.Verify,
			"Close":        h.Close,
		} {
			require.ErrorIs(t, allocate(), spanheap.ErrClosed, "%s of %d bytes", name, n)
		}
	}
	require.Zero(t, h.Release(everything))
	requireBlockOfClosedHeapIsReported(t, h, kept, spanheap.HeapClosed)
}

func TestClosedHeapHasNotEvenZeroBytes(t *testing.T) {
	h := newHeap(t)
	require.NoError(t, h.Close())
	for name, allocate := range map[string]func() error{
		"Alloc":        func() error { _, err := h.Alloc(0); return err },
		"AllocUninit":  func() error { _, err := h.AllocUninit(0); return err },
		"AllocAligned": func() error { _, err := h.AllocAligned(0, 4096); return err },
		"Realloc":      func() error { _, err := h.Realloc(nil, 0); return err },
		"New":          func() error { _, err := spanheap.New[nothing](h); return err },
		"MakeSlice":    func() error { _, err := spanheap.MakeSlice[int](h, 0, 0); return err },
	} {
		require.ErrorIs(t, allocate(), spanheap.ErrClosed, name)
	}
}

// requireBlockOfClosedHeapIsReported uses a block of a closed heap in all ways.
func requireBlockOfClosedHeapIsReported(t *testing.T, closed *spanheap.Heap, b []byte, kinds ...spanheap.MisuseKind) {
	t.Helper()
	for name, use := range map[string]func(){
		"Free":           func() { closed.Free(b) },
		"Free function":  func() { spanheap.Free(b) },
		"Realloc":        func() { closed.Realloc(b, 10) },
		"UsableSize":     func() { spanheap.UsableSize(b) },
		"FreeBatch":      func() { closed.FreeBatch([][]byte{b}) },
		"Delete":         func() { spanheap.Delete(&b[0]) },
		"another heap's": func() { spanheap.Default().Free(b) },
	} {
		m := caught(t, elsewhere, use)
		require.Contains(t, kinds, m.Kind, name)
		require.Equal(t, addressOf(b), m.Addr, name)
	}
}

// A heap that takes over a closed one's addresses, and perhaps its number, is not touched by what is
// done to the closed one.
func TestSuccessorOfAClosedHeap(t *testing.T) {
	h := newHeap(t)
	alloc(t, h, 64)
	old := alloc(t, h, 64)
	require.NoError(t, h.Close())

	successor := newHeap(t)
	x := movedIn(alloc(t, successor, 100_000), 1)
	y := movedIn(alloc(t, successor, 64), 1)
	z := movedIn(alloc(t, successor, 3), 1)
	before := successor.Stats()
	for _, b := range [][]byte{x.bytes, y.bytes, z.bytes} {
		for name, use := range map[string]func(){
			"Free":      func() { h.Free(b) },
			"Realloc":   func() { h.Realloc(b, 9) },
			"FreeBatch": func() { h.FreeBatch([][]byte{b}) },
		} {
			m := caught(t, elsewhere, use)
			require.Equal(t, spanheap.WrongHeap, m.Kind, "%s: %v", name, m)
		}
	}
	if addressOf(old)-addressOf(x.bytes) < uintptr(len(x.bytes)) {
		requireBlockOfClosedHeapIsReported(t, h, old, spanheap.InteriorAddress, spanheap.WrongHeap)
	}
	require.Equal(t, before, successor.Stats())
	for _, x := range []tenant{x, y, z} {
		require.NoError(t, x.intact())
		successor.Free(x.bytes)
	}
	closeEmpty(t, successor)
}

func TestCloseTwice(t *testing.T) {
	h := newHeap(t)
	alloc(t, h, 100)
	var closed atomic.Int32
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			if err := h.Close(); err == nil {
				closed.Add(1)
			}
		})
	}
	wg.Wait()
	require.EqualValues(t, 1, closed.Load())
	require.ErrorIs(t, h.Close(), spanheap.ErrClosed)
	require.Error(t, spanheap.Default().Close())
	b, err := spanheap.Alloc(10)
	require.NoError(t, err)
	spanheap.Free(b)
}

func TestAddressSpaceOfClosedHeapsIsUsedAgain(t *testing.T) {
	arenas := map[uintptr]bool{}
	for range 30 {
		h := newHeap(t)
		for range 40 {
			b := alloc(t, h, 50_000)
			requireZeroed(t, b)
			for i := range b {
				b[i] = 0xff
			}
			arenas[addressOf(b)/arena.Size] = true
		}
		require.NoError(t, h.Verify())
		require.NoError(t, h.Close())
	}
	require.LessOrEqual(t, len(arenas), 4, "30 heaps, one after the other")
}

func TestManyHeaps(t *testing.T) {
	heaps := make([]*spanheap.Heap, 50)
	blocks := make([][]tenant, len(heaps))
	for i := range heaps {
		heaps[i] = newHeap(t)
	}
	for n := 1; n < 10_000; n = n*3 + 1 {
		for i, h := range heaps {
			blocks[i] = append(blocks[i], movedIn(alloc(t, h, n), uint64(i)))
		}
	}
	for i, h := range heaps {
		for _, x := range blocks[i] {
			require.NoError(t, x.intact())
			spanheap.Free(x.bytes) // the block knows its heap
		}
		closeEmpty(t, h)
	}
}

func TestDefaultHeap(t *testing.T) {
	h := spanheap.Default()
	require.Same(t, h, spanheap.Default())
	before := h.Stats()
	b, err := spanheap.Alloc(1000)
	require.NoError(t, err)
	requireZeroed(t, b)
	c, err := spanheap.AllocUninit(2000)
	require.NoError(t, err)
	d, err := spanheap.AllocAligned(100, 1<<16)
	require.NoError(t, err)
	require.Zero(t, addressOf(d)%(1<<16))
	e, err := spanheap.Realloc(nil, 7)
	require.NoError(t, err)
	e, err = spanheap.Realloc(e, 50_000)
	require.NoError(t, err)
	require.Equal(t, before.LiveBlocks+4, h.Stats().LiveBlocks)
	require.Equal(t, before.Live+1000+2000+100+50_000, h.Stats().Live)
	for _, b := range [][]byte{b, c, d, e} {
		h.Free(b)
	}
	p, err := spanheap.New[point](h)
	require.NoError(t, err)
	require.Zero(t, uintptr(unsafe.Pointer(p))%unsafe.Alignof(point{}))
	spanheap.Delete(p)
	require.Equal(t, before.LiveBlocks, h.Stats().LiveBlocks)
	require.Equal(t, before.Live, h.Stats().Live)
	require.NoError(t, h.Verify())
}

func TestHugePagesHaveNames(t *testing.T) {
	require.Equal(t, "off on collapse 3", fmt.Sprint(spanheap.HugePagesOff, " ", spanheap.HugePagesOn, " ", spanheap.HugePagesCollapse, " ", spanheap.HugePages(3)))
}
