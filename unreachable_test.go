package spanheap_test

import (
	"math/rand/v2"
	"slices"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// knot refers to two others, or to any address.
type knot struct {
	next, other spanheap.Ptr[knot]
}

func refer(to *knot) spanheap.Ptr[knot] { return spanheap.PtrTo(to) }

func newKnot(h *spanheap.Heap, next, other *knot) *knot {
	k := must(spanheap.New[knot](h))
	*k = knot{refer(next), refer(other)}
	return k
}

// into returns a reference to the byte at an offset in a block.
func into(b []byte, offset int) spanheap.Ptr[knot] {
	return spanheap.PtrTo((*knot)(unsafe.Add(unsafe.Pointer(unsafe.SliceData(b)), offset)))
}

func TestUnreachableFollowsListsTreesAndCycles(t *testing.T) {
	h := newHeap(t)
	var list *knot
	for range 1000 {
		list = newKnot(h, list, nil)
	}
	var tree func(depth int) *knot
	tree = func(depth int) *knot {
		if depth == 0 {
			return nil
		}
		return newKnot(h, tree(depth-1), tree(depth-1))
	}
	root := tree(8)
	ring := newKnot(h, nil, nil)
	ring.next = refer(newKnot(h, ring, ring))

	u := must(h.Unreachable(10, list, root, spanheap.PtrTo(ring)))
	require.EqualValues(t, 1000+255+2, u.Reached)
	require.Zero(t, u.Blocks)
	require.Empty(t, u.Listed)

	u = must(h.Unreachable(3, list, root)) // a cycle keeps nothing
	require.EqualValues(t, 2, u.Blocks)
	require.ElementsMatch(t, []uintptr{at(ring), at(ring.next.Get())}, []uintptr{u.Listed[0].Addr, u.Listed[1].Addr})
	require.Equal(t, uintptr(spanheap.GoodSize(int(unsafe.Sizeof(*ring)))), u.Listed[0].Size)
	require.False(t, u.Listed[0].Noscan)

	u = must(h.Unreachable(3, list.next, unsafe.Pointer(ring), nil, (*knot)(nil), []byte{}))
	require.EqualValues(t, 1+255, u.Blocks)
	require.Len(t, u.Listed, 3)
	require.Contains(t, u.String(), "256 blocks of ")
	require.Contains(t, u.String(), "and 253 more\n")
}

func at[T any](p *T) uintptr { return uintptr(unsafe.Pointer(p)) }

func TestUnreachableWithFewWaitingInOrder(t *testing.T) {
	defer spanheap.WaitInOrder(1)()
	h := newHeap(t)
	r := rand.New(rand.NewPCG(1, 2))
	knots := []*knot{newKnot(h, nil, nil)}
	for range 3000 { // each is referred to by one before it
		k := newKnot(h, nil, nil)
		from := knots[r.IntN(len(knots))]
		if from.next.IsNil() {
			from.next = refer(k)
		} else {
			k.next, from.next = from.next, refer(k)
		}
		k.other = refer(knots[r.IntN(len(knots))])
		knots = append(knots, k)
	}
	table := must(spanheap.MakeSlice[spanheap.Ptr[knot]](h, len(knots), len(knots)))
	for i, k := range knots {
		table[i] = refer(k)
	}
	for _, root := range []any{table, knots[0]} {
		u := must(h.Unreachable(-1, root, table))
		require.EqualValues(t, len(knots)+1, u.Reached)
		require.Zero(t, u.Blocks)
	}
	u := must(h.Unreachable(-1, knots[0]))
	require.EqualValues(t, len(knots), u.Reached)
	require.Equal(t, []spanheap.UnreachedBlock{{Addr: at(&table[0]), Size: u.Listed[0].Size, Class: u.Listed[0].Class}}, u.Listed)
}

func TestReferencesInNoscanBlocksDoNotCount(t *testing.T) {
	h := newHeap(t)
	target := newKnot(h, nil, nil)
	b := must(h.Alloc(64))
	*(*uintptr)(unsafe.Pointer(unsafe.SliceData(b))) = at(target)
	u := must(h.Unreachable(-1, b))
	require.EqualValues(t, 1, u.Reached)
	require.Equal(t, at(target), u.Listed[0].Addr)

	holder := must(spanheap.New[knot](h))
	*(*uintptr)(unsafe.Pointer(holder)) = at(target)
	require.EqualValues(t, 3, must(h.Unreachable(-1, b, holder)).Reached)
}

func TestUnreachableKnowsTheMiddleOfBlocksAndNotTheirEnd(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{16, 100, 5000, 300 << 10, 5 << 20} {
		b := must(h.AllocUninit(n))
		for _, offset := range []int{0, 1, n / 2, n - 1} {
			require.EqualValues(t, 1, must(h.Unreachable(0, b[offset:])).Reached, "%d of %d", offset, n)
			k := must(spanheap.New[knot](h))
			k.next = into(b, offset)
			require.EqualValues(t, 2, must(h.Unreachable(0, k)).Reached, "%d of %d", offset, n)
			k.next = into(b, spanheap.UsableSize(b))
			require.EqualValues(t, 1, must(h.Unreachable(0, k)).Reached, "behind %d", n)
			spanheap.Delete(k)
		}
		h.Free(b)
	}
}

func TestUnreachableScansLargeObjectsToTheirEnd(t *testing.T) {
	h := newHeap(t)
	target := newKnot(h, nil, nil)
	table := must(spanheap.MakeSlice[spanheap.Ptr[knot]](h, 1<<20, 1<<20))
	lost := must(h.AllocUninit(1 << 20))
	u := must(h.Unreachable(-1, table))
	require.EqualValues(t, 1, u.Reached)
	require.Len(t, u.Classes, 2)
	require.Equal(t, "large", u.Classes[1].Class)
	require.EqualValues(t, 1<<20, u.Classes[1].Bytes)
	table[len(table)-1] = refer(target)
	require.Equal(t, addressOf(lost), must(h.Unreachable(-1, table)).Listed[0].Addr)
	require.EqualValues(t, 3, must(h.Unreachable(-1, table, lost)).Reached)
}

func TestTinyBlocksAreReachedOneByOne(t *testing.T) {
	h := newHeap(t)
	var tiny [][]byte
	for _, n := range []int{1, 3, 4, 2, 2, 4, 1} {
		tiny = append(tiny, must(h.Alloc(n)))
	}
	for i, b := range tiny {
		u := must(h.Unreachable(-1, b))
		require.EqualValues(t, 1, u.Reached)
		require.EqualValues(t, len(tiny)-1, u.Blocks)
		for _, x := range u.Listed {
			require.NotEqual(t, addressOf(b), x.Addr)
			require.Equal(t, "tiny", x.Class)
			require.True(t, x.Noscan)
		}
		k := must(spanheap.New[knot](h))
		k.other = into(tiny[i], len(b)-1)
		require.EqualValues(t, 2, must(h.Unreachable(-1, k)).Reached)
		spanheap.Delete(k)
	}
	h.Free(tiny[0])
	require.EqualValues(t, len(tiny)-1, must(h.Unreachable(-1)).Blocks)
}

func TestUnreachableCountsWhatStatsCounts(t *testing.T) {
	h := newHeap(t)
	r := rand.New(rand.NewPCG(3, 4))
	var kept [][]byte
	for range 5000 {
		b := must(h.AllocUninit(1 + r.IntN(1<<r.IntN(15))))
		if r.IntN(3) == 0 {
			h.Free(b)
			continue
		}
		kept = append(kept, b)
	}
	u, s := must(h.Unreachable(0)), h.Stats()
	require.Equal(t, s.LiveBlocks, u.Blocks)
	require.Len(t, kept, int(u.Blocks))
	bytes := uint64(0)
	last := -1
	for _, c := range u.Classes {
		bytes += c.Bytes
		of := slices.IndexFunc(s.Classes, func(of spanheap.ClassStats) bool { return of.Name == c.Class })
		require.Greater(t, of, last, "in the order of Stats")
		require.Equal(t, s.Classes[of].Live+s.Classes[of].Rounding, c.Bytes)
		last = of
	}
	require.Equal(t, u.Bytes, bytes)
}

func TestUnreachableRefusesWhatIsNoRoot(t *testing.T) {
	h, other := newHeap(t), newHeap(t)
	ours, foreign := must(h.Alloc(32)), must(other.Alloc(32))
	freed := must(h.Alloc(32))
	h.Free(freed)
	onGo := new(int)
	for want, root := range map[string]any{
		"root 1 is a int, no slice, pointer or Ptr":    7,
		"root 1, a *int to 0x":                         onGo,
		"root 1, a []uint8 to 0x":                      foreign,
		"root 1, a unsafe.Pointer to 0x":               unsafe.Pointer(unsafe.SliceData(freed)),
		"root 1, a spanheap.Ptr[int] to 0x":            spanheap.PtrTo(onGo),
		"root 1 is a string, no slice, pointer or Ptr": "root",
	} {
		_, err := h.Unreachable(0, ours, root)
		require.ErrorContains(t, err, want)
	}
	require.NoError(t, h.Verify())

	closed := must(spanheap.NewHeap(spanheap.Options{}))
	require.NoError(t, closed.Close())
	_, err := closed.Unreachable(0)
	require.ErrorIs(t, err, spanheap.ErrClosed)
}
