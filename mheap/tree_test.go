package mheap_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// order is the tree's order, for the slice that the tree is compared with.
func order(a, b *mheap.Span) int {
	return cmp.Or(cmp.Compare(a.Pages(), b.Pages()), cmp.Compare(a.Base(), b.Base()))
}

// requireSame checks every question that the tree answers against the sorted slice.
func requireSame(t *testing.T, tree *mheap.Tree, sorted []*mheap.Span, most uintptr) {
	t.Helper()
	require.NoError(t, tree.Verify(len(sorted)))
	for npages := range most + 2 {
		i := slices.IndexFunc(sorted, func(s *mheap.Span) bool { return s.Pages() >= npages })
		if i < 0 {
			require.Nil(t, tree.BestFit(npages))
		} else {
			require.Same(t, sorted[i], tree.BestFit(npages), "%d pages", npages)
		}
	}
	s := tree.Largest()
	for i := len(sorted) - 1; i >= 0; i-- {
		require.Same(t, sorted[i], s)
		s = tree.Before(s)
	}
	require.Nil(t, s)
}

func TestTreeAgainstASortedSlice(t *testing.T) {
	for _, most := range []uintptr{1, 3, 20, 1000} {
		r := rand.New(rand.NewPCG(1, uint64(most)))
		tree := new(mheap.Tree)
		var sorted []*mheap.Span
		requireSame(t, tree, sorted, most)
		for step := range 1500 {
			if len(sorted) > 0 && r.IntN(100) < 35+step/50 {
				i := r.IntN(len(sorted))
				tree.Remove(sorted[i])
				sorted = slices.Delete(sorted, i, i+1)
			} else {
				s := mheap.Node(1+uintptr(r.UintN(uint(most))), uintptr(step+1)*mheap.PageSize)
				i, _ := slices.BinarySearchFunc(sorted, s, order)
				tree.Insert(s)
				sorted = slices.Insert(sorted, i, s)
			}
			if step%16 == 0 {
				requireSame(t, tree, sorted, min(most, 50))
			}
		}
		requireSame(t, tree, sorted, min(most, 50))
	}
}

func TestTreeStaysShallow(t *testing.T) {
	const n = 4096
	for name, pages := range map[string]func(i int) uintptr{
		"ascending":  func(i int) uintptr { return uintptr(i) + 1 },
		"descending": func(i int) uintptr { return uintptr(n - i) },
		"equal":      func(int) uintptr { return 1 },
	} {
		t.Run(name, func(t *testing.T) {
			tree := new(mheap.Tree)
			for i := range n {
				tree.Insert(mheap.Node(pages(i), uintptr(i)*mheap.PageSize))
			}
			require.Less(t, tree.Depth(), 50, "of %d spans; a balanced tree has 12 levels", n)
			require.NoError(t, tree.Verify(n))
		})
	}
}
