package spanheap_test

import (
	"reflect"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

type point struct{ X, Y float64 }

// leaf is a node of a binary tree off the Go heap.
type leaf struct {
	key         int
	left, right spanheap.Ptr[leaf]
}

// sizes of values from nothing to a large object
type (
	nothing struct{}
	byte1   [1]byte
	bytes3  [3]byte
	bytes7  [7]byte
	half    struct{ a, b uint16 }
	odd     [11]byte
	slot32k [32 << 10]byte
	big     [100_000]byte
	refs    [3]spanheap.Ptr[point]
	manyRef [8000]spanheap.Ptr[point]
)

func TestNewOfEverySize(t *testing.T) {
	h := newHeap(t)
	newOf[nothing](t, h)
	newOf[bool](t, h)
	newOf[byte1](t, h)
	newOf[bytes3](t, h)
	newOf[bytes7](t, h)
	newOf[half](t, h)
	newOf[int32](t, h)
	newOf[odd](t, h)
	newOf[complex128](t, h)
	newOf[uintptr](t, h)
	newOf[point](t, h)
	newOf[leaf](t, h)
	newOf[slot32k](t, h)
	newOf[big](t, h)
	newOf[spanheap.Ptr[point]](t, h)
	newOf[refs](t, h)
	newOf[manyRef](t, h)
	closeEmpty(t, h)
}

// newOf makes Ts and slices of them, writes all over them, and frees them.
func newOf[T any](t *testing.T, h *spanheap.Heap) {
	t.Helper()
	size := int(unsafe.Sizeof(*new(T)))
	for range 3 { // memory that was written to is zeroed again
		var values []*T
		var tenants []tenant
		keep := func(b []byte, at unsafe.Pointer) {
			require.Zero(t, uintptr(at)%unsafe.Alignof(*new(T)))
			requireZeroed(t, b)
			tenants = append(tenants, movedIn(b, 1))
		}
		for range 5 {
			p, err := spanheap.New[T](h)
			require.NoError(t, err)
			values = append(values, p)
			keep(unsafe.Slice((*byte)(unsafe.Pointer(p)), size), unsafe.Pointer(p))
		}
		var slices [][]T
		for _, n := range []int{0, 1, 3, 50} {
			s, err := spanheap.MakeSlice[T](h, n, n+2)
			require.NoError(t, err)
			require.Len(t, s, n)
			require.Equal(t, n+2, cap(s))
			slices = append(slices, s)
			at := unsafe.Pointer(unsafe.SliceData(s))
			keep(unsafe.Slice((*byte)(at), (n+2)*size), at)
		}
		if size > 0 {
			require.EqualValues(t, len(tenants), h.Stats().LiveBlocks)
		}
		require.NoError(t, h.Verify())
		for _, x := range tenants {
			require.NoError(t, x.intact())
		}
		for _, p := range values {
			spanheap.Delete(p)
		}
		for i, s := range slices {
			spanheap.FreeSlice(s[:len(s)/(i+1)])
		}
		requireEmpty(t, h)
	}
}

func TestDeleteOfNilDoesNothing(t *testing.T) {
	spanheap.Delete[point](nil)
	spanheap.Delete[nothing](nil)
	spanheap.FreeSlice[point](nil)
	spanheap.FreeSlice([]point{})
}

func TestTreeOfReferences(t *testing.T) {
	h := newHeap(t)
	var root spanheap.Ptr[leaf]
	require.True(t, root.IsNil())
	require.Nil(t, root.Get())
	require.Equal(t, root, spanheap.PtrTo[leaf](nil))

	const count = 5000
	for i := range count {
		p, err := spanheap.New[leaf](h)
		require.NoError(t, err)
		p.key = i * 7919 % count
		link := &root
		for !link.IsNil() {
			if at := link.Get(); p.key < at.key {
				link = &at.left
			} else {
				link = &at.right
			}
		}
		*link = spanheap.PtrTo(p)
		require.Same(t, p, link.Get())
	}
	require.NoError(t, h.Verify())

	visited := 0
	var take func(spanheap.Ptr[leaf])
	take = func(p spanheap.Ptr[leaf]) {
		if p.IsNil() {
			return
		}
		at := p.Get()
		take(at.left)
		if at.key != visited {
			require.Equal(t, visited, at.key, "in order")
		}
		visited++
		right := at.right
		spanheap.Delete(at)
		take(right)
	}
	take(root)
	require.Equal(t, count, visited)
	closeEmpty(t, h)
}

func TestPtrsOfDifferentTypesAreDifferentTypes(t *testing.T) {
	a, b := reflect.TypeOf(spanheap.Ptr[int32]{}), reflect.TypeOf(spanheap.Ptr[uint32]{})
	require.False(t, a.ConvertibleTo(b))
	require.True(t, a.Comparable())
}

// Values that hold references and values that hold none lie on different pages, whatever their size.
func TestReferencesKeepToThemselves(t *testing.T) {
	h := newHeap(t)
	type pair struct{ a, b spanheap.Ptr[point] }
	type plain struct{ a, b uintptr }
	type nested struct {
		_ [0]func()
		a [2]struct{ p spanheap.Ptr[pair] }
	}
	pages := map[uintptr]string{}
	note := func(what string, p unsafe.Pointer) {
		page := uintptr(p) >> 13
		require.Contains(t, []string{"", what}, pages[page], "%s on a page of the others", what)
		pages[page] = what
	}
	var pairs []*pair
	var plains []*plain
	var nests []*nested
	for range 2000 {
		a, err := spanheap.New[pair](h)
		require.NoError(t, err)
		b, err := spanheap.New[plain](h)
		require.NoError(t, err)
		c, err := spanheap.New[nested](h)
		require.NoError(t, err)
		note("references", unsafe.Pointer(a))
		note("no references", unsafe.Pointer(b))
		note("references", unsafe.Pointer(c))
		pairs, plains, nests = append(pairs, a), append(plains, b), append(nests, c)
	}
	for i := range pairs {
		spanheap.Delete(pairs[i])
		spanheap.Delete(plains[i])
		spanheap.Delete(nests[i])
	}
	closeEmpty(t, h)
}
