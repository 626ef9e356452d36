//go:build spanheap_debug

package lockrank

import (
	"testing"

	"github.com/stretchr/testify/require"
)

func TestOrderIsEnforced(t *testing.T) {
	var central, heap, other Mutex
	central.Init(Central)
	heap.Init(PageHeap)
	other.Init(Central)

	central.Lock()
	heap.Lock()
	heap.Unlock()
	require.PanicsWithValue(t, "lockrank: Central taken while Central is held", other.Lock)
	central.Unlock()

	heap.Lock()
	require.PanicsWithValue(t, "lockrank: Central taken while PageHeap is held", central.Lock)
	heap.Unlock()
	central.Lock()
	central.Unlock()
}

func TestRanksAreNamed(t *testing.T) {
	require.Equal(t, "Metadata", Metadata.String())
}

func TestEachGoroutineHoldsItsOwn(t *testing.T) {
	var central, heap Mutex
	central.Init(Central)
	heap.Init(PageHeap)
	heap.Lock()
	done := make(chan any)
	go func() {
		defer func() { done <- recover() }()
		central.Lock()
		central.Unlock()
	}()
	require.Nil(t, <-done)
	require.Panics(t, central.Lock)
	heap.Unlock()
}
