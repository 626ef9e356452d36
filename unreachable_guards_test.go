//go:build !race && !js && !wasip1

package spanheap_test

import (
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

func TestGuardedBlocksAreReachedAndScanned(t *testing.T) {
	h := guarding(t)
	defer h.Close()
	for range 50 {
		newKnot(h, nil, nil)
	}
	u := must(h.Unreachable(-1))
	require.EqualValues(t, 50, u.Blocks)
	var guarded *knot
	for _, x := range u.Listed {
		if x.Class == "guarded" {
			guarded = knotAt(x.Addr)
		}
	}
	require.NotNil(t, guarded)
	target := newKnot(h, nil, nil)
	guarded.other = refer(target)
	for _, wait := range []int{1, 100} {
		undo := spanheap.WaitInOrder(wait)
		require.EqualValues(t, 2, must(h.Unreachable(-1, guarded)).Reached)
		undo()
	}
	require.EqualValues(t, 2, must(h.Unreachable(-1, spanheap.PtrTo(&guarded.other))).Reached)
}

func knotAt(p uintptr) *knot { return (*knot)(unsafe.Add(nil, p)) }
