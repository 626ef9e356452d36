package spanheap_test

import (
	"testing"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

//go:noinline
func leakHundred(t *testing.T, h *spanheap.Heap) []byte { return alloc(t, h, 100) }

func TestLeaksAtRateOneAreExact(t *testing.T) {
	before := spanheap.SetProfileRate(1)
	defer spanheap.SetProfileRate(before)
	h := newHeap(t)
	now := time.Minute
	h.SetNoteClock(func() time.Duration { return now })
	kept := [][]byte{leakHundred(t, h)}
	now += time.Hour
	for range 2 {
		kept = append(kept, alloc(t, h, 10))
	}
	h.Free(alloc(t, h, 5000))

	r := h.Leaks()
	require.True(t, r.Exact)
	require.Len(t, r.Leaks, 2)
	require.EqualValues(t, 1, r.Leaks[0].Blocks)
	require.EqualValues(t, 100, r.Leaks[0].Bytes)
	require.Equal(t, time.Hour, r.Leaks[0].Oldest)
	require.Contains(t, r.Leaks[0].String(), "leakHundred")
	require.EqualValues(t, 2, r.Leaks[1].Blocks)
	require.EqualValues(t, 20, r.Leaks[1].Bytes)
	require.Contains(t, r.String(), "3 blocks live, 120 bytes (exact)")
	for _, b := range kept {
		h.Free(b)
	}
	require.Empty(t, h.Leaks().Leaks)
}

func TestLeaksOfADebugHeapAreExactWithoutSamples(t *testing.T) {
	before := spanheap.SetProfileRate(0)
	defer spanheap.SetProfileRate(before)
	for level, known := range map[spanheap.DebugLevel]bool{spanheap.DebugPoison: false, spanheap.DebugStacks: true} {
		h, err := spanheap.NewHeap(spanheap.Options{Debug: level})
		require.NoError(t, err)
		defer h.Close()
		leakHundred(t, h)
		r := h.Leaks()
		require.True(t, r.Exact)
		require.Len(t, r.Leaks, 1)
		require.EqualValues(t, 100, r.Leaks[0].Bytes)
		if known {
			require.Contains(t, r.String(), "leakHundred")
		}
	}
}

func TestLeaksSayWhatWasNotSampled(t *testing.T) {
	before := spanheap.SetProfileRate(0)
	defer spanheap.SetProfileRate(before)
	h := newHeap(t)
	alloc(t, h, 100)
	r := h.Leaks()
	require.False(t, r.Exact)
	require.Equal(t, []spanheap.Leak{{NotSampled: true, Blocks: 1, Bytes: 100}}, r.Leaks)
	require.Contains(t, r.String(), "not sampled")
	require.NotEmpty(t, spanheap.Leaks().Leaks)
}

// A block that changes its size where it lies is not a new one.
func TestLeaksSinceKnowsBlocksThatStayInPlace(t *testing.T) {
	before := spanheap.SetProfileRate(0)
	defer spanheap.SetProfileRate(before)
	h := newHeap(t)
	unknown := alloc(t, h, 500_000)
	spanheap.SetProfileRate(1)
	known := alloc(t, h, 500_000)
	begin := time.Now().Add(time.Minute)
	h.SetNoteClock(func() time.Duration { return 1000 * time.Hour })
	unknown, known = must(h.Realloc(unknown, 200_000)), must(h.Realloc(known, 200_000))
	require.Empty(t, h.LeaksSince(begin).Leaks)
	require.EqualValues(t, 400_000, h.Stats().Live)
	moved := must(h.Realloc(known, 100))
	require.EqualValues(t, 100, h.LeaksSince(begin).Leaks[0].Bytes)
	h.FreeBatch([][]byte{unknown, moved})
	closeEmpty(t, h)
}

// Blocks of one caller are one entry, whatever way they took through the heap.
func TestLeaksOfOneCallerAreOneEntry(t *testing.T) {
	before := spanheap.SetProfileRate(1)
	defer spanheap.SetProfileRate(before)
	h := newHeap(t)
	defer h.Close()
	for _, n := range []int{3, 100, 100, 50_000, 3 << 20} {
		alloc(t, h, n)
	}
	r := h.Leaks()
	require.Len(t, r.Leaks, 1)
	require.EqualValues(t, 5, r.Leaks[0].Blocks)
	require.Equal(t, map[string]uint64{"tiny": 1, "13": 2, "large": 2}, r.Leaks[0].Classes)
}
