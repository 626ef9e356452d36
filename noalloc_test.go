//go:build !race && !spanheap_debug

package spanheap_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// Nothing that succeeds takes memory from the Go heap: not without samples, and not with them once their
// stacks are known.
func TestNothingIsAllocatedOnTheGoHeap(t *testing.T) {
	for _, rate := range []int{0, 1, spanheap.DefaultProfileRate} {
		profileRate(t, rate)
		requireNothingOnTheGoHeap(t)
	}
}

func requireNothingOnTheGoHeap(t *testing.T) {
	h := newHeap(t)
	var failed error
	pair := func(allocate func(int) ([]byte, error), n int) func() {
		return func() {
			b, err := allocate(n)
			if err != nil {
				failed = err
			}
			h.Free(b)
		}
	}
	var held [100][]byte
	pairs := map[string]func(){
		"New, Delete of 4 bytes": func() { spanheap.Delete(must(spanheap.New[half](h))) },
		"New, Delete":            func() { spanheap.Delete(must(spanheap.New[point](h))) },
		"New, Delete of refs":    func() { spanheap.Delete(must(spanheap.New[leaf](h))) },
		"New, Delete of 32 KiB":  func() { spanheap.Delete(must(spanheap.New[slot32k](h))) },
		"New, Delete of 100 KB":  func() { spanheap.Delete(must(spanheap.New[big](h))) },
		"MakeSlice, FreeSlice":   func() { spanheap.FreeSlice(must(spanheap.MakeSlice[point](h, 10, 50))) },
		"Realloc":                func() { h.Free(must(h.Realloc(must(h.Alloc(10)), 5000))) },
		"AllocAligned":           func() { h.Free(must(h.AllocAligned(100, 1024))) },
		"AllocAligned, large":    func() { h.Free(must(h.AllocAligned(100, 1<<20))) },
		"functions":              func() { spanheap.Free(must(spanheap.Alloc(100))) },
		"a hundred held": func() { // past the caches, to the central and back
			for i := range held {
				held[i] = must(h.AllocUninit(30_000))
			}
			for _, b := range held {
				h.Free(b)
			}
		},
	}
	for _, n := range []int{0, 1, 3, 7, 8, 64, 1000, 32 << 10, 33 << 10, 200 << 10, 3 << 20} {
		pairs[fmt.Sprintf("Alloc of %d", n)] = pair(h.Alloc, n)
		pairs[fmt.Sprintf("AllocUninit of %d", n)] = pair(h.AllocUninit, n)
	}
	l := h.Local()
	for _, n := range []int{4, 64, 1000, 32 << 10, 200 << 10} {
		pairs[fmt.Sprintf("a Local's Alloc, Free of %d", n)] = func() { l.Free(must(l.Alloc(n))) }
		pairs[fmt.Sprintf("a Local's AllocUninit of %d, freed by the heap", n)] = func() { h.Free(must(l.AllocUninit(n))) }
		pairs[fmt.Sprintf("a batch of %d", n)] = func() {
			h.FreeBatch(held[:must(h.AllocBatch(n, held[:]))])
		}
	}
	pairs["a Local's Realloc"] = func() { l.Free(must(l.Realloc(must(l.Alloc(10)), 5000))) }
	for name, pair := range pairs {
		pair() // the first time makes caches and looks at types
		require.Zero(t, testing.AllocsPerRun(200, pair), name)
		require.NoError(t, failed)
	}
	require.NoError(t, l.Close())
	closeEmpty(t, h)
}
