package spanheap_test

import (
	"cmp"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestBatchOfEverySize(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	for _, n := range []int{0, 3, 8, 64, 1000, 32 << 10, 40 << 10} {
		for _, count := range []int{0, 1, 63, 64, 65, 300, spanheap.RunLength - 1, spanheap.RunLength, spanheap.RunLength + 1} {
			dst := make([][]byte, count)
			made, err := h.AllocBatch(n, dst)
			require.NoError(t, err)
			require.Equal(t, count, made)
			seen := map[unsafe.Pointer]bool{}
			for _, b := range dst {
				require.Len(t, b, n)
				require.Equal(t, n, cap(b))
				if n > 0 {
					require.False(t, seen[unsafe.Pointer(&b[0])], "blocks are distinct")
					seen[unsafe.Pointer(&b[0])] = true
				}
			}
			if n > 0 {
				require.Equal(t, uint64(count), h.Stats().LiveBlocks)
				require.Equal(t, uint64(count*n), h.Stats().Live)
			}
			h.FreeBatch(dst)
			require.NoError(t, h.Verify())
			require.Zero(t, h.Stats().LiveBlocks)
		}
	}
	require.NoError(t, h.Close())
}

func TestFreeBatchOfMixedBlocks(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	var bs [][]byte
	for i := range 2000 {
		b, err := h.Alloc(i * 37 % 40000)
		require.NoError(t, err)
		bs = append(bs, b[:len(b)/2], nil)
	}
	aligned, err := h.AllocAligned(100, 4096)
	require.NoError(t, err)
	h.FreeBatch(append(bs, aligned))
	require.NoError(t, h.Verify())
	require.Zero(t, h.Stats().LiveBlocks)
	require.NoError(t, h.Close())
}

// sides are on whose P a batch is freed: that where its blocks were allocated, or another.
var sides = map[string]func(func()){"here": func(f func()) { f() }, "on another P": onAnotherP}

func shuffle(bs [][]byte) {
	rand.New(rand.NewPCG(1, 2)).Shuffle(len(bs), func(i, j int) { bs[i], bs[j] = bs[j], bs[i] })
}

// Blocks of one capacity that lie in a row may be of several classes.
func TestFreeBatchOfOneCapacityAndSeveralClasses(t *testing.T) {
	for side, do := range sides {
		for _, byAddress := range []bool{false, true} {
			h := newHeap(t)
			var bs [][]byte
			for i := range 6000 {
				b, err := h.AllocAligned(100, []int{1, 128, 1024, 8192}[i/10%4])
				require.NoError(t, err)
				bs = append(bs, b)
			}
			live := bs[len(bs)-1]
			bs = bs[:len(bs)-1]
			if byAddress {
				slices.SortFunc(bs, func(a, b []byte) int { return cmp.Compare(addressOf(a), addressOf(b)) })
			}
			do(func() { h.FreeBatch(bs) })
			require.NoError(t, h.Verify(), side)
			require.Equal(t, uint64(1), h.Stats().LiveBlocks, side)
			require.EqualValues(t, 100, h.Stats().Live, side)
			h.Free(live)
			closeEmpty(t, h)
		}
	}
}

// Blocks of one class may have several capacities, which are what is live.
func TestFreeBatchOfOneClassAndSeveralCapacities(t *testing.T) {
	for side, do := range sides {
		for _, order := range []func([][]byte){func([][]byte) {}, shuffle} {
			h := newHeap(t)
			live := alloc(t, h, 105)
			var bs [][]byte
			for i := range 3000 {
				bs = append(bs, alloc(t, h, 105+i/7%4))
			}
			order(bs)
			do(func() { h.FreeBatch(bs) })
			require.EqualValues(t, 105, h.Stats().Live, side)
			h.Free(live)
			closeEmpty(t, h)
		}
	}
}

// What is alike is dealt with for one pin, in any order, on any P.
func TestARunIsOfAllThatIsAlike(t *testing.T) {
	const count = 50
	profileRate(t, 0) // sampled blocks are dealt with one by one
	for side, do := range sides {
		for _, order := range []func([][]byte){func([][]byte) {}, slices.Reverse[[][]byte], shuffle} {
			h := newHeap(t)
			bs := make([][]byte, count)
			for range 2 { // the magazine grows
				_, err := h.AllocBatch(64, bs)
				require.NoError(t, err)
				h.FreeBatch(bs)
			}
			require.Equal(t, count, h.AllocRun(64, bs))
			order(bs)
			do(func() {
				h.Free(alloc(t, h, 64)) // this P has a cache
				freed := h.FreeRun(bs)
				assert.Equal(t, count, freed, side)
				h.FreeBatch(bs[freed:])
			})
			closeEmpty(t, h)
		}
	}
}

func TestFreeBatchNamesThePlaceBehindRuns(t *testing.T) {
	const count = 4*spanheap.RunLength + 9
	for _, n := range []int{16, 1000} {
		for _, order := range []func([][]byte){func([][]byte) {}, shuffle} {
			for _, at := range []int{spanheap.RunLength - 1, spanheap.RunLength, spanheap.RunLength + 1, 2 * spanheap.RunLength, count - 1} {
				h := newHeap(t)
				bs := make([][]byte, count)
				for range 2 { // the magazine grows
					_, err := h.AllocBatch(n, bs)
					require.NoError(t, err)
					h.FreeBatch(bs)
				}
				_, err := h.AllocBatch(n, bs)
				require.NoError(t, err)
				order(bs)
				right := bs[at]
				bs[at] = bs[at-1]
				m := caught(t, places["same goroutine"], func() { h.FreeBatch(bs) })
				require.Equal(t, at, m.Index)
				require.Equal(t, uint64(count-at), h.Stats().LiveBlocks)
				bs[at] = right
				h.FreeBatch(bs[at:])
				closeEmpty(t, h)
			}
		}
	}
}

func TestFreeBatchStopsAtMisuse(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	bs := make([][]byte, 100)
	_, err = h.AllocBatch(64, bs)
	require.NoError(t, err)
	live := bs[40]
	bs[40] = bs[39] // freed twice

	func() {
		defer func() {
			m, ok := recover().(*spanheap.MisuseError)
			require.True(t, ok)
			require.Equal(t, spanheap.DoubleFree, m.Kind)
			require.Equal(t, 40, m.Index)
			require.Contains(t, m.Error(), "FreeBatch: block 40: double free")
		}()
		h.FreeBatch(bs)
	}()
	require.Equal(t, uint64(60), h.Stats().LiveBlocks, "the 40 before are freed, the others are not")
	require.NoError(t, h.Verify())
	h.Free(live)
	h.FreeBatch(bs[41:])
	require.Zero(t, h.Stats().LiveBlocks)
	require.NoError(t, h.Verify())
	require.NoError(t, h.Close())
}

// However blocks lie in memory, what is freed is what stands before the first that must not be.
func TestFreeBatchStopsAtMisuseWhereverBlocksLie(t *testing.T) {
	orders := map[string]func(bs [][]byte){
		"as made":  func([][]byte) {},
		"reversed": slices.Reverse[[][]byte],
		"shuffled": shuffle,
		"from two ends": func(bs [][]byte) {
			from := slices.Clone(bs)
			for i := range bs {
				bs[i] = from[i/2]
				if i%2 == 1 {
					bs[i] = from[len(from)-1-i/2]
				}
			}
		},
	}
	other := newHeap(t)
	wrongs := map[spanheap.MisuseKind]func(b, before []byte) []byte{
		spanheap.DoubleFree:      func(_, before []byte) []byte { return before },
		spanheap.InteriorAddress: func(b, _ []byte) []byte { return unsafe.Slice(&b[len(b)/2], len(b)) },
		spanheap.WrongHeap:       func(b, _ []byte) []byte { return alloc(t, other, len(b)) },
		spanheap.ForeignAddress:  func(b, _ []byte) []byte { return make([]byte, len(b)) },
	}
	const count = 200
	for _, n := range []int{2, 16, 64, 1000, 4096, 14000, 32 << 10} {
		for name, order := range orders {
			for kind, wrong := range wrongs {
				for _, at := range []int{1, 2, 3, 63, 64, 100, count - 1} {
					run := places["same goroutine"]
					if at%2 == 1 {
						run = places["another goroutine"]
					}
					h, err := spanheap.NewHeap(spanheap.Options{})
					require.NoError(t, err)
					bs := make([][]byte, count)
					_, err = h.AllocBatch(n, bs)
					require.NoError(t, err)
					order(bs)
					right := bs[at]
					bs[at] = wrong(right, bs[at-1])
					m := caught(t, run, func() { h.FreeBatch(bs) })
					require.Equal(t, kind, m.Kind, "%d bytes, %s, at %d", n, name, at)
					require.Equal(t, at, m.Index, "%d bytes, %s, %v", n, name, kind)
					require.Equal(t, uint64(count-at), h.Stats().LiveBlocks, "%d bytes, %s, %v at %d", n, name, kind, at)
					require.NoError(t, h.Verify())
					bs[at] = right
					h.FreeBatch(bs[at:])
					require.Zero(t, h.Stats().LiveBlocks)
					require.NoError(t, h.Verify())
					require.NoError(t, h.Close())
				}
			}
		}
	}
}

func TestAllocBatchRefusesBadSizes(t *testing.T) {
	h, err := spanheap.NewHeap(spanheap.Options{})
	require.NoError(t, err)
	for _, dst := range [][][]byte{make([][]byte, 3), nil} {
		made, err := h.AllocBatch(-1, dst)
		require.Zero(t, made)
		require.ErrorIs(t, err, spanheap.ErrSize)
	}
	require.NoError(t, h.Close())
}

// Goroutines without a cache, as on a heap that is closed, have nothing in common.
func TestBatchesWithoutCaches(t *testing.T) {
	h := newHeap(t)
	require.NoError(t, h.Close())
	var batches sync.WaitGroup
	for range 4 {
		batches.Go(func() {
			var dst [100][]byte
			for range 100 {
				made, err := h.AllocBatch(64, dst[:])
				assert.ErrorIs(t, err, spanheap.ErrClosed)
				assert.Zero(t, made)
				h.FreeBatch(dst[:])
			}
		})
	}
	batches.Wait()
}
