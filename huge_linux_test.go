//go:build linux && !race

package spanheap_test

import (
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// hugeOnAdvice tells whether the kernel gives huge pages to those who ask.
func hugeOnAdvice(t *testing.T) bool {
	return getsHuge(t, func(page []byte) {
		unix.Madvise(page, unix.MADV_HUGEPAGE)
		fill(page)
	})
}

// collapses tells whether the kernel puts what is there into huge pages.
func collapses(t *testing.T) bool {
	return getsHuge(t, func(page []byte) {
		unix.Madvise(page, unix.MADV_NOHUGEPAGE)
		fill(page)
		unix.Madvise(page, unix.MADV_COLLAPSE)
	})
}

// getsHuge tells whether what use does makes a huge page of what could be one. That a piece of advice is not
// refused does not say so: an emulator takes any.
func getsHuge(t *testing.T, use func(page []byte)) bool {
	b, err := unix.Mmap(-1, 0, 2*arena.HugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	defer unix.Munmap(b)
	first := -addressOf(b) % arena.HugePage
	before := hugeBytes(t)
	use(unsafe.Slice(&b[first], arena.HugePage))
	return hugeBytes(t) > before
}

// hugeBytes is how much of the process's memory is in huge pages.
func hugeBytes(t *testing.T) uint64 {
	h := newHeap(t)
	defer h.Close()
	v, err := h.SystemView()
	require.NoError(t, err)
	return v.Process.Huge
}

// hugeHeap fills an arena of a heap, touched or not, and returns what there is of huge pages.
func hugeHeap(t *testing.T, mode spanheap.HugePages, touched bool) (asked, got uint64) {
	h, err := spanheap.NewHeap(spanheap.Options{HugePages: mode})
	require.NoError(t, err)
	var blocks [][]byte
	for range 14 {
		b, err := h.AllocUninit(arena.Size / 16)
		require.NoError(t, err)
		if touched {
			fill(b)
		}
		blocks = append(blocks, b)
	}
	for range 40 {
		blocks = append(blocks, alloc(t, h, 40<<10))
	}
	for _, b := range blocks {
		fill(b)
	}
	require.NoError(t, h.Verify())
	v, err := h.SystemView()
	require.NoError(t, err)
	asked = h.Stats().HugeAsked
	for _, b := range blocks {
		h.Free(b)
	}
	require.Zero(t, h.Stats().HugeAsked, "nothing is dense")
	closeEmpty(t, h)
	return asked, v.Huge
}

func fill(b []byte) {
	for i := range b {
		b[i] = byte(i)
	}
}

func TestHugePages(t *testing.T) {
	asked, _ := hugeHeap(t, spanheap.HugePagesOff, false)
	require.Zero(t, asked)

	asked, got := hugeHeap(t, spanheap.HugePagesOn, false)
	if hugeOnAdvice(t) {
		require.NotZero(t, asked)
		require.NotZero(t, got)
	}

	_, got = hugeHeap(t, spanheap.HugePagesCollapse, true)
	if collapses(t) {
		require.NotZero(t, got)
	}
}

func TestHugePagesOfNoKind(t *testing.T) {
	_, err := spanheap.NewHeap(spanheap.Options{HugePages: spanheap.HugePagesCollapse + 1})
	require.ErrorContains(t, err, "HugePages 3 is none of off, on and collapse")
}
