package spanheap_test

import (
	"errors"
	"runtime"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// view returns what the system says of the heap; ok is false where it says nothing.
func view(t *testing.T, h *spanheap.Heap) (v spanheap.SystemView, ok bool) {
	t.Helper()
	v, err := h.SystemView()
	if runtime.GOOS != "linux" {
		require.ErrorIs(t, err, errors.ErrUnsupported)
		return v, false
	}
	require.NoError(t, err)
	return v, true
}

func TestTheSystemSaysWhatStatsSay(t *testing.T) {
	h := newHeap(t)
	b := alloc(t, h, 20<<20)
	for i := 0; i < len(b)/2; i += 4096 {
		b[i] = 1
	}
	const chunks = 4 << 20 // records' address space that earlier heaps used, or that is one mapping with theirs
	s := h.Stats()
	v, ok := view(t, h)
	if !ok {
		h.Free(b)
		closeEmpty(t, h)
		return
	}
	require.GreaterOrEqual(t, v.Mapped, s.Live)
	require.GreaterOrEqual(t, v.Resident, uint64(len(b)/2))
	require.LessOrEqual(t, v.Resident, v.Mapped)
	require.NotZero(t, v.Mappings)
	require.GreaterOrEqual(t, v.Process.Resident, v.Resident)
	require.GreaterOrEqual(t, v.Process.Mappings, v.Mappings)
	if !goMemory {
		require.InDelta(t, s.Mapped, v.Mapped, chunks)
		require.InDelta(t, s.Untouched, v.Untouched, chunks)
	}

	h.Free(b)
	h.Release(everything)
	if v, _ = view(t, h); !goMemory {
		require.InDelta(t, s.Mapped, v.Mapped, chunks)
	}
	require.NoError(t, h.Close())
	_, err := h.SystemView()
	require.ErrorIs(t, err, spanheap.ErrClosed)
}
