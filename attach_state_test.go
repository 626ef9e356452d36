//go:build !race && !spanheap_debug

package spanheap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestAStateTakesNoMemoryOfTheGoHeap(t *testing.T) {
	h, err := NewHeap(Options{})
	require.NoError(t, err)
	b, err := h.Alloc(1000)
	require.NoError(t, err)
	var s pageState
	s.now()
	require.Zero(t, testing.AllocsPerRun(100, func() { s.now() }))
	require.Zero(t, testing.AllocsPerRun(100, func() { attached.look() }))
	h.Free(b)
	require.NoError(t, h.Close())
}

func BenchmarkState(b *testing.B) {
	h, err := NewHeap(Options{})
	require.NoError(b, err)
	x, err := h.Alloc(1000)
	require.NoError(b, err)
	var s pageState
	b.Run("now", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			s.now()
		}
	})
	b.Run("look", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			attached.look()
		}
	})
	h.Free(x)
	require.NoError(b, h.Close())
}
