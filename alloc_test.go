package spanheap_test

import (
	"cmp"
	"errors"
	"math"
	"math/bits"
	"math/rand/v2"
	"slices"
	"strconv"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/arena"
	"github.com/stretchr/testify/require"
)

func TestAllocIsZeroedAndAsLongAsAsked(t *testing.T) {
	h := newHeap(t)
	for _, allocate := range []func(int) ([]byte, error){h.Alloc, h.AllocUninit} {
		var tenants []tenant
		for _, n := range edges() {
			b, err := allocate(n)
			require.NoError(t, err)
			require.NotNil(t, b)
			require.Len(t, b, n)
			require.Equal(t, n, cap(b))
			tenants = append(tenants, movedIn(b, 1))
		}
		for _, x := range tenants {
			require.NoError(t, x.intact())
			h.Free(x.bytes)
		}
	}
	for _, n := range edges() { // over memory that was written to
		requireZeroed(t, alloc(t, h, n))
	}
	require.NoError(t, h.Verify())
	require.NoError(t, h.Close())
}

// Memory may come to an Alloc fresh, as a slot used before, from a large object cut up, or back from
// the operating system.
func TestAllocIsZeroedWhereverTheMemoryComesFrom(t *testing.T) {
	h := newHeap(t)
	sizes := []int{1, 2, 4, 7, 8, 24, 1000, 32 << 10, 33 << 10, 200 << 10, 3 << 20}
	for _, before := range sizes {
		for _, after := range sizes {
			var blocks [][]byte
			for range max(2, min(loops(1000), 1<<18/before)) {
				blocks = append(blocks, dirty(t, h, before))
			}
			for i, b := range blocks {
				h.Free(b)
				if i == len(blocks)/2 {
					h.Release(64 << 10)
				}
			}
			blocks = blocks[:0]
			for range max(2, min(loops(1000), 1<<18/after)) {
				b := alloc(t, h, after)
				requireZeroed(t, b)
				blocks = append(blocks, b)
			}
			for _, b := range blocks {
				h.Free(b)
			}
		}
	}
	closeEmpty(t, h)
}

func TestZeroBytes(t *testing.T) {
	h := newHeap(t)
	for _, allocate := range []func() ([]byte, error){
		func() ([]byte, error) { return h.Alloc(0) },
		func() ([]byte, error) { return h.AllocUninit(0) },
		func() ([]byte, error) { return h.AllocAligned(0, 4096) },
		func() ([]byte, error) { return h.Realloc(nil, 0) },
		func() ([]byte, error) { return spanheap.Alloc(0) },
	} {
		b, err := allocate()
		require.NoError(t, err)
		require.NotNil(t, b)
		require.Zero(t, cap(b))
		h.Free(b)
		h.Free(b) // it takes no memory: there is nothing to free twice
		spanheap.Free(b)
		require.Zero(t, spanheap.UsableSize(b))
	}
	require.Zero(t, h.Stats().Backed, "a heap without blocks takes no memory")
	closeEmpty(t, h)
}

func TestFreeOfNilDoesNothing(t *testing.T) {
	h := newHeap(t)
	h.Free(nil)
	spanheap.Free(nil)
	require.Zero(t, spanheap.UsableSize(nil))
	closeEmpty(t, h)
}

func TestFreeTakesAnyPrefix(t *testing.T) {
	h := newHeap(t)
	for _, n := range []int{1, 3, 7, 8, 100, 32 << 10, 100 << 10} {
		for _, k := range []int{0, 1, n / 2, n} {
			h.Free(alloc(t, h, n)[:k])
		}
	}
	closeEmpty(t, h)
}

func TestSizesAroundPowersOfTwo(t *testing.T) {
	h := newHeap(t)
	for k := range bits.UintSize - 1 {
		if k > hugeBits && k < 48 {
			continue // whether an address space has so much differs, and it is costly to find out
		}
		for _, n := range []int{1<<k - 1, 1 << k, 1<<k + 1} {
			b, err := h.AllocUninit(n)
			if err != nil {
				require.Greater(t, k, 28, "%d bytes: %v", n, err)
				requireRefused(t, err)
				continue
			}
			require.Less(t, k, 48, "%d bytes", n)
			if n > 0 {
				b[0], b[n-1] = 1, 1
			}
			h.Free(b)
		}
		require.NoError(t, h.Verify())
	}
	closeEmpty(t, h)
}

// requireRefused wants an error that says why there is no block.
func requireRefused(t *testing.T, err error) {
	t.Helper()
	for _, reason := range []error{spanheap.ErrOutOfMemory, spanheap.ErrSize} {
		if errors.Is(err, reason) {
			return
		}
	}
	require.NoError(t, err)
}

func TestImpossibleSizesAreRefused(t *testing.T) {
	h := newHeap(t)
	kept := movedIn(alloc(t, h, 1000), 1)
	before := h.Stats()
	for _, n := range []int{-1, -8, math.MinInt, math.MinInt + 1, math.MaxInt, math.MaxInt - 1, math.MaxInt - 4096} {
		for name, allocate := range map[string]func() ([]byte, error){
			"Alloc":        func() ([]byte, error) { return h.Alloc(n) },
			"AllocUninit":  func() ([]byte, error) { return h.AllocUninit(n) },
			"AllocAligned": func() ([]byte, error) { return h.AllocAligned(n, 1<<20) },
			"Realloc":      func() ([]byte, error) { return h.Realloc(kept.bytes, n) },
			"Realloc nil":  func() ([]byte, error) { return h.Realloc(nil, n) },
			"Alloc func":   func() ([]byte, error) { return spanheap.Alloc(n) },
			"MakeSlice":    func() ([]byte, error) { return spanheap.MakeSlice[byte](h, 0, n) },
		} {
			b, err := allocate()
			require.ErrorIs(t, err, spanheap.ErrSize, "%s of %d", name, n)
			require.Nil(t, b)
		}
	}
	for _, allocate := range []func() ([]uint64, error){
		func() ([]uint64, error) { return spanheap.MakeSlice[uint64](h, 0, math.MaxInt/8+1) },
		func() ([]uint64, error) { return spanheap.MakeSlice[uint64](h, 0, math.MaxInt/4+9) }, // a few bytes, if it wrapped
		func() ([]uint64, error) { return spanheap.MakeSlice[uint64](h, 5, 4) },
		func() ([]uint64, error) { return spanheap.MakeSlice[uint64](h, -1, 4) },
		func() ([]uint64, error) { return spanheap.MakeSlice[uint64](h, -2, -1) },
	} {
		s, err := allocate()
		require.ErrorIs(t, err, spanheap.ErrSize)
		require.Nil(t, s)
	}
	require.Equal(t, before, h.Stats(), "nothing is taken, nothing is lost")
	require.NoError(t, kept.intact())
	h.Free(kept.bytes)
	closeEmpty(t, h)
}

func TestAlignment(t *testing.T) {
	h := newHeap(t)
	for _, n := range edges() {
		want := 8
		for want > max(n, 1) {
			want /= 2
		}
		if n > 1<<15 {
			want = 8192
		}
		for _, c := range spanheap.SizeClasses() {
			if n > 8 && c.Size == spanheap.GoodSize(n) {
				want = c.MinAlign
			}
		}
		var blocks [][]byte
		for range 5 {
			b := dirty(t, h, n)
			require.Zero(t, addressOf(b)%uintptr(want), "%d bytes at %#x, want multiples of %d", n, addressOf(b), want)
			blocks = append(blocks, b)
		}
		for _, b := range blocks {
			h.Free(b)
		}
	}
	closeEmpty(t, h)
}

func TestAllocAligned(t *testing.T) {
	h := newHeap(t)
	for shift := range 22 {
		align := 1 << shift
		var tenants []tenant
		for _, n := range []int{1, 2, 3, 7, 8, 100, align - 1, align, align + 1, 3*align/2 + 1, 40000} {
			for range 2 {
				b, err := h.AllocAligned(n, align)
				require.NoError(t, err)
				require.Len(t, b, n)
				require.Equal(t, n, cap(b))
				if n > 0 {
					require.Zero(t, addressOf(b)%uintptr(align), "%d bytes at %#x, want multiples of %d", n, addressOf(b), align)
					require.GreaterOrEqual(t, spanheap.UsableSize(b), n)
				}
				tenants = append(tenants, movedIn(b, uint64(align)))
			}
		}
		require.NoError(t, h.Verify())
		for i, x := range tenants {
			require.NoError(t, x.intact())
			if i%2 == 0 {
				h.Free(x.bytes)
			} else {
				spanheap.Free(x.bytes[:len(x.bytes)/2])
			}
		}
	}
	closeEmpty(t, h)
}

func TestBadAlignmentIsRefused(t *testing.T) {
	h := newHeap(t)
	before := h.Stats()
	for _, align := range []int{0, -1, -8, 3, 6, 12, 1<<20 + 1, math.MinInt, math.MaxInt} {
		for _, n := range []int{0, 1, 100, 1 << 20} {
			for _, allocate := range []func(n, align int) ([]byte, error){h.AllocAligned, spanheap.AllocAligned} {
				b, err := allocate(n, align)
				require.ErrorIs(t, err, spanheap.ErrAlign)
				require.ErrorContains(t, err, strconv.Itoa(align))
				require.Nil(t, b)
			}
		}
	}
	require.Equal(t, before, h.Stats())
	closeEmpty(t, h)
}

func TestLiveBlocksNeverOverlap(t *testing.T) {
	type place struct{ start, end uintptr }
	h := newHeap(t)
	r := rand.New(rand.NewPCG(1, 13))
	var blocks [][]byte
	var places []place // of the blocks, in address order
	find := func(start uintptr) int {
		i, _ := slices.BinarySearchFunc(places, start, func(p place, start uintptr) int {
			return cmp.Compare(p.start, start)
		})
		return i
	}
	for range loops(200_000) {
		if len(blocks) > 1000+r.IntN(1000) || len(blocks) > 0 && r.IntN(5) < 2 {
			k := r.IntN(len(blocks))
			i := find(addressOf(blocks[k]))
			places = slices.Delete(places, i, i+1)
			h.Free(blocks[k])
			blocks[k] = blocks[len(blocks)-1]
			blocks = blocks[:len(blocks)-1]
			continue
		}
		b, err := h.AllocUninit(1 + logUniform(r, 17))
		require.NoError(t, err)
		p := place{addressOf(b), addressOf(b) + uintptr(spanheap.UsableSize(b))}
		i := find(p.start)
		if i > 0 && places[i-1].end > p.start || i < len(places) && p.end > places[i].start {
			require.FailNowf(t, "overlap", "block %#x..%#x and its neighbours", p.start, p.end)
		}
		places = slices.Insert(places, i, p)
		blocks = append(blocks, b)
	}
	for _, b := range blocks {
		h.Free(b)
	}
	closeEmpty(t, h)
}

func TestUsableSizeIsTheGoodSizeAndNotWasteful(t *testing.T) {
	h := newHeap(t)
	for _, n := range edges() {
		b := alloc(t, h, n)
		good := spanheap.GoodSize(n)
		require.Equal(t, good, spanheap.UsableSize(b))
		require.GreaterOrEqual(t, good, n)
		require.Equal(t, good, spanheap.GoodSize(good), "what is good is good enough")
		if n > 128 {
			require.LessOrEqual(t, good, n+n/4+16)
		}
		if n > 0 {
			require.Equal(t, good, spanheap.UsableSize(b[:n/2]))
		}
		h.Free(b)
	}
	require.Zero(t, spanheap.GoodSize(-1))
	require.Equal(t, math.MaxInt, spanheap.GoodSize(math.MaxInt))
	for _, c := range spanheap.SizeClasses() {
		require.Equal(t, c.Size, spanheap.GoodSize(c.Size), "a class's size is its own")
	}
	closeEmpty(t, h)
}

// All of the usable size is the owner's: Realloc hands it out in place, and whoever writes to it
// meets no neighbour.
func TestAllOfTheUsableSizeIsTheOwners(t *testing.T) {
	h := newHeap(t)
	for _, n := range edges()[1:] {
		var tenants []tenant
		for range 6 {
			b := alloc(t, h, n)
			whole, err := h.Realloc(b, spanheap.UsableSize(b))
			require.NoError(t, err)
			require.Equal(t, addressOf(b), addressOf(whole), "%d bytes grow in place", n)
			tenants = append(tenants, movedIn(whole, 1))
		}
		for _, x := range tenants {
			require.NoError(t, x.intact())
			h.Free(x.bytes)
		}
	}
	closeEmpty(t, h)
}

func TestManyBlocksOfOneClass(t *testing.T) {
	h := newHeap(t)
	const count = 1<<16 + 5000
	blocks := make([][]byte, count)
	for round := range 2 {
		for i := range blocks {
			b, err := h.AllocUninit(8)
			require.NoError(t, err)
			blocks[i] = b
			b[0], b[7] = byte(i), byte(i>>8)
		}
		require.EqualValues(t, count, h.Stats().LiveBlocks)
		require.EqualValues(t, count*8, h.Stats().Live)
		for i, b := range blocks {
			if b[0] != byte(i) || b[7] != byte(i>>8) {
				require.FailNowf(t, "overwritten", "block %d in round %d", i, round)
			}
			h.Free(b)
		}
		requireEmpty(t, h)
	}
	closeEmpty(t, h)
}

// A large object may need pages that were given back and their neighbours that were not.
func TestLargeBlockOverFreeAndReleasedNeighbours(t *testing.T) {
	h := newHeap(t)
	const page = 8 << 10 // lengths are multiples of 64 KiB, the largest physical page
	a, b, c := alloc(t, h, 40*page), alloc(t, h, 64*page), alloc(t, h, 104*page)
	rest := alloc(t, h, arena.Size-208*page) // no other room in the arena
	h.Free(b)
	h.Release(everything)
	h.Free(c)
	h.Free(a)
	require.NoError(t, h.Verify())

	joined := movedIn(alloc(t, h, 168*page), 1)
	require.NoError(t, h.Verify())
	require.EqualValues(t, 1, h.Stats().Arenas)
	require.NoError(t, joined.intact())
	h.Free(joined.bytes)
	h.Free(rest)
	closeEmpty(t, h)
}
