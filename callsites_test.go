package spanheap_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
)

func TestCallSitesAreThoseOfTheProfile(t *testing.T) {
	profileRate(t, 1)
	h := newHeap(t)
	little := func() []byte { return must(h.Alloc(1000)) } // slots of 1024
	much := func() []byte { return must(h.Alloc(20_000)) } // of 20480
	a, b, c := little(), little(), much()
	h.Free(b)
	sites := spanheap.ReadProfileOf(h).CallSites()
	require.Len(t, sites, 2)
	require.Contains(t, sites[0].Function, "TestCallSites")
	require.Equal(t, []int64{1, 20_000, 1, 20_000, 480}, figuresOf(sites[0]))
	require.Equal(t, []int64{2, 2000, 1, 1000, 24}, figuresOf(sites[1]))
	require.NotEqual(t, sites[0].Line, sites[1].Line)

	before := spanheap.ReadProfileOf(h)
	h.Free(c)
	change := spanheap.ReadProfileOf(h).Since(before).CallSites()
	require.Len(t, change, 1)
	require.Equal(t, []int64{0, 0, -1, -20_000, -480}, figuresOf(change[0]))
	h.Free(a)
	require.Empty(t, spanheap.ReadProfileOf().CallSites())
	closeEmpty(t, h)
}

func figuresOf(s spanheap.CallSite) []int64 {
	return []int64{s.AllocBlocks, s.AllocBytes, s.InUseBlocks, s.InUseBytes, s.WasteBytes}
}
