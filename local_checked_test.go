//go:build race || spanheap_debug

package spanheap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// In builds that check it, whoever comes to a Local that another goroutine is using is told so.
func TestLocalUsedByTwoIsReported(t *testing.T) {
	h, err := NewHeap(Options{})
	require.NoError(t, err)
	l := h.Local()

	l.use.begin() // another goroutine is inside
	for range 2 {
		require.PanicsWithValue(t, "spanheap: a Local is used by two goroutines at once", func() { l.Alloc(64) })
	}
	l.use.end()
	_, err = l.Alloc(64)
	require.NoError(t, err)
	require.NoError(t, l.Close())
	require.NoError(t, h.Close())
}
