//go:build race || js || wasip1

package spanheap_test

import (
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// Go memory cannot be made inaccessible: blocks are as usual.
func TestThereAreNoGuardsInGoMemory(t *testing.T) {
	h := must(spanheap.NewHeap(spanheap.Options{Guard: 1}))
	for range 100 {
		b := must(h.Alloc(64))
		require.Zero(t, h.Stats().Guards)
		h.Free(b)
		_, ok := spanheap.DescribeFault(addressOf(b))
		require.False(t, ok)
	}
	closeEmpty(t, h)
}
