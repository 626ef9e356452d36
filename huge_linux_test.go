//go:build linux && !race

package spanheap_test

import (
	"os"
	"strings"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// hugeOnAdvice tells whether the kernel gives huge pages to those who ask.
func hugeOnAdvice(t *testing.T) bool {
	enabled, err := os.ReadFile("/sys/kernel/mm/transparent_hugepage/enabled")
	if os.IsNotExist(err) {
		return false
	}
	require.NoError(t, err)
	return !strings.Contains(string(enabled), "[never]")
}

// collapses tells whether the kernel puts what is there into huge pages.
func collapses(t *testing.T) bool {
	b, err := unix.Mmap(-1, 0, 2*arena.HugePage, unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE)
	require.NoError(t, err)
	defer unix.Munmap(b)
	first := -addressOf(b) % arena.HugePage
	page := b[first : first+arena.HugePage]
	for i := 0; i < len(page); i += 4096 {
		page[i] = 1
	}
	return unix.Madvise(unsafe.Slice(&page[0], len(page)), unix.MADV_COLLAPSE) == nil
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
