package spanheaptest_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/spanheaptest"
	"github.com/stretchr/testify/require"
)

// fakeTB is a test that keeps its failures.
type fakeTB struct {
	testing.TB
	cleanups []func()
	failures []string
}

func (f *fakeTB) Helper()          {}
func (f *fakeTB) Cleanup(c func()) { f.cleanups = append(f.cleanups, c) }
func (f *fakeTB) Errorf(format string, args ...any) {
	f.failures = append(f.failures, fmt.Sprintf(format, args...))
}

func (f *fakeTB) end() []string {
	for i := len(f.cleanups) - 1; i >= 0; i-- {
		f.cleanups[i]()
	}
	return f.failures
}

func newHeap(t *testing.T) *spanheap.Heap {
	h, err := spanheap.NewHeap(spanheap.Options{Name: "leaky"})
	require.NoError(t, err)
	t.Cleanup(func() { h.Close() })
	return h
}

//go:noinline
func leak(t *testing.T, h *spanheap.Heap) []byte {
	b, err := h.Alloc(100)
	require.NoError(t, err)
	return b
}

func TestNoLeaksFailsWhereABlockLives(t *testing.T) {
	h := newHeap(t)
	for _, heaps := range [][]*spanheap.Heap{{h}, nil} {
		f := &fakeTB{TB: t}
		before := spanheap.ProfileRate()
		spanheaptest.NoLeaks(f, heaps...)
		require.Equal(t, 1, spanheap.ProfileRate())
		leak(t, h)
		failures := f.end()
		require.Equal(t, before, spanheap.ProfileRate())
		require.Len(t, failures, 1)
		require.Contains(t, failures[0], "leaky leaks")
		require.Contains(t, failures[0], "1 block live, 100 bytes (exact)")
		require.Contains(t, failures[0], "spanheaptest_test.leak")
	}
}

func TestNoLeaksPassesWhereBlocksAreFreedOrOlder(t *testing.T) {
	before := spanheap.SetProfileRate(1) // what is older has notes too
	defer spanheap.SetProfileRate(before)
	h := newHeap(t)
	leak(t, h)
	old := leak(t, h)
	f := &fakeTB{TB: t}
	spanheaptest.NoLeaks(f, h)
	h.Free(old)
	h.Free(leak(t, h))
	require.Empty(t, f.end())
}

func TestOverlappingCallsRestoreTheRate(t *testing.T) {
	before := spanheap.ProfileRate()
	a, b := &fakeTB{TB: t}, &fakeTB{TB: t}
	spanheaptest.NoLeaks(a)
	spanheaptest.NoLeaks(b)
	a.end()
	require.Equal(t, 1, spanheap.ProfileRate())
	b.end()
	require.Equal(t, before, spanheap.ProfileRate())
}
