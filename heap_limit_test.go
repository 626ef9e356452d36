//go:build (amd64 || arm64) && !race && !js && !wasip1

package spanheap_test

import (
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

func TestTooManyHeaps(t *testing.T) {
	before := len(spanheap.Heaps())
	var heaps []*spanheap.Heap
	var err error
	for err == nil {
		var h *spanheap.Heap
		if h, err = spanheap.NewHeap(spanheap.Options{}); err == nil {
			heaps = append(heaps, h)
		}
	}
	require.ErrorIs(t, err, spanheap.ErrTooManyHeaps)
	require.Equal(t, spanheap.MaxHeaps, before+len(heaps))

	last := heaps[len(heaps)-1]
	b := alloc(t, last, 100)
	m := caught(t, elsewhere, func() { heaps[0].Free(b) })
	require.Equal(t, spanheap.WrongHeap, m.Kind)
	spanheap.Free(b)
	requireEmpty(t, last)
	for _, h := range heaps {
		require.NoError(t, h.Close())
	}
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err, "there is room again")
	closeEmpty(t, h)
}
