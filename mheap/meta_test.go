package mheap_test

import (
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"unsafe"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newMeta returns a maker of records over real memory, which refuses what the test names.
func newMeta(t testing.TB) (*mheap.Meta, *arenatest.Faulty) {
	chunks := &chunks{System: arena.Metadata()}
	faulty := arenatest.NewFaulty(chunks)
	m := mheap.NewMeta(faulty)
	t.Cleanup(func() {
		faulty.Refuse(nil)
		m.Close()
		chunks.recycle()
	})
	return m, faulty
}

// metaBytes is the memory of a block.
func metaBytes(p, n uintptr) []byte { return unsafe.Slice((*byte)(unsafe.Add(nil, p)), n) }

func metaAlloc(t testing.TB, m *mheap.Meta, n uintptr) uintptr {
	t.Helper()
	p, err := m.Alloc(n)
	require.NoError(t, err)
	return p
}

func TestBlocksAreZeroedAlignedAndApart(t *testing.T) {
	m, _ := newMeta(t)
	random := rand.New(rand.NewPCG(1, 2))
	type block struct{ p, n uintptr }
	var blocks []block
	for range 4000 {
		if len(blocks) > 0 && random.IntN(5) < 2 {
			i := random.IntN(len(blocks))
			m.Free(blocks[i].p, blocks[i].n)
			blocks = slices.Delete(blocks, i, i+1)
			continue
		}
		n := 1 + uintptr(random.IntN(1<<(6+random.IntN(8))))
		p := metaAlloc(t, m, n)
		require.Zero(t, p%64)
		b := metaBytes(p, n)
		require.Equal(t, -1, slices.IndexFunc(b, func(b byte) bool { return b != 0 }), "%d bytes", n)
		for i := range b {
			b[i] = 0xff
		}
		blocks = append(blocks, block{p, n})
	}
	slices.SortFunc(blocks, func(a, b block) int { return int(a.p>>1) - int(b.p>>1) })
	for i := 1; i < len(blocks); i++ {
		require.LessOrEqual(t, blocks[i-1].p+blocks[i-1].n, blocks[i].p, "blocks overlap")
	}
	for _, b := range blocks {
		require.Equal(t, -1, slices.IndexFunc(metaBytes(b.p, b.n), func(b byte) bool { return b != 0xff }), "a block was changed")
	}
}

func TestAFreedBlockIsTheLastOfItsSizeToBeUsedAgain(t *testing.T) {
	m, _ := newMeta(t)
	var freed []uintptr
	for range 10 {
		freed = append(freed, metaAlloc(t, m, 192))
	}
	for _, p := range freed {
		m.Free(p, 192)
	}
	for _, p := range freed {
		require.Equal(t, p, metaAlloc(t, m, 192))
	}
}

func TestAFreedBlockIsReadAsItWas(t *testing.T) {
	m, _ := newMeta(t)
	p := metaAlloc(t, m, 256)
	b := metaBytes(p, 256)
	for i := range b {
		b[i] = byte(i)
	}
	m.Free(p, 256)
	for i := unsafe.Sizeof(p); i < 256; i++ {
		require.Equal(t, byte(i), b[i])
	}
}

func TestALargerBlockIsSplit(t *testing.T) {
	m, _ := newMeta(t)
	large := metaAlloc(t, m, 1024)
	m.Free(large, 1024)
	var parts []uintptr
	for range 4 {
		parts = append(parts, metaAlloc(t, m, 256))
	}
	require.Subset(t, []uintptr{large, large + 256, large + 512, large + 768}, parts)
	require.Len(t, slices.Compact(slices.Sorted(slices.Values(parts))), 4)

	almost := metaAlloc(t, m, 448)
	m.Free(almost, 448)
	require.NotEqual(t, almost, metaAlloc(t, m, 256), "what is left would be too small for another")
	require.Equal(t, almost, metaAlloc(t, m, 448))
}

func TestLargeBlocksAreUsedAgain(t *testing.T) {
	m, _ := newMeta(t)
	sizes := []uintptr{mheap.MetaSmall + 64, 10_000, 17_000, mheap.ArenaRecordBytes + 64}
	var blocks []uintptr
	for _, n := range sizes {
		blocks = append(blocks, metaAlloc(t, m, n))
	}
	for i, n := range sizes {
		m.Free(blocks[i], n)
	}
	backed, reserved := m.Backed()
	for i, n := range sizes {
		require.Equal(t, blocks[i], metaAlloc(t, m, n))
	}
	again, still := m.Backed()
	require.Equal(t, []uint64{backed, reserved}, []uint64{again, still})
}

func TestMetadataIsCommittedStepByStep(t *testing.T) {
	m, faulty := newMeta(t)
	for range mheap.MetaChunk / 1024 * 3 {
		metaAlloc(t, m, 1024)
		backed, reserved := m.Backed()
		require.LessOrEqual(t, backed, reserved)
	}
	backed, reserved := m.Backed()
	require.EqualValues(t, 3*mheap.MetaChunk, backed)
	require.EqualValues(t, 3*mheap.MetaChunk, reserved)
	require.Equal(t, 3, faulty.Calls(arenatest.Reserve))
	require.LessOrEqual(t, faulty.Calls(arenatest.Commit), 3*(mheap.MetaChunk/mheap.MetaStep+1))
}

func TestWhatAChunkHasLeftIsUsed(t *testing.T) {
	m, faulty := newMeta(t)
	first := metaAlloc(t, m, mheap.MetaChunk-mheap.MetaSmall-512)
	metaAlloc(t, m, mheap.MetaSmall+1024)
	require.Equal(t, 2, faulty.Calls(arenatest.Reserve))
	for range (mheap.MetaSmall + 512) / 512 {
		require.Less(t, metaAlloc(t, m, 512)-first, uintptr(mheap.MetaChunk))
	}
}

func TestRefusedMetadataIsAskedForAgain(t *testing.T) {
	m, faulty := newMeta(t)
	for _, verb := range []arenatest.Verb{arenatest.Reserve, arenatest.Commit} {
		faulty.Refuse(arenatest.Nth(verb, 1))
		var refusals, blocks int
		for range mheap.MetaChunk / 1024 {
			if _, err := m.Alloc(1024); err != nil {
				require.ErrorIs(t, err, arenatest.ErrRefused)
				require.ErrorContains(t, err, "metadata of 1024 bytes")
				refusals++
			} else {
				blocks++
			}
		}
		require.Equal(t, 1, refusals)
	}
	backed, reserved := m.Backed()
	require.LessOrEqual(t, backed, reserved)
}

func TestClosedMetadataGivesNothing(t *testing.T) {
	m, faulty := newMeta(t)
	for range mheap.MetaChunk/mheap.MetaSmall + 1 {
		metaAlloc(t, m, mheap.MetaSmall)
	}
	faulty.Refuse(nil)
	m.Close()
	require.Equal(t, 2, faulty.Calls(arenatest.Decommit), "memory goes back")
	backed, reserved := m.Backed()
	require.Zero(t, backed)
	require.Zero(t, reserved)
	_, err := m.Alloc(64)
	require.ErrorIs(t, err, mheap.ErrClosed)
	require.Zero(t, faulty.Calls(arenatest.Reserve)+faulty.Calls(arenatest.Commit))
}

func TestChunksOfClosedHeapsServeLaterOnes(t *testing.T) {
	system := arena.Metadata()
	first := mheap.NewMeta(system)
	p := metaAlloc(t, first, 1000)
	metaBytes(p, 1000)[500] = 1
	first.Close()
	second := mheap.NewMeta(system)
	defer second.Close()
	again := metaAlloc(t, second, 1000)
	require.Equal(t, p, again)
	require.Zero(t, metaBytes(again, 1000)[500])
}

// TestMetadataKeepsTheSystemsRules goes by way of a System that knows which pages may be committed
// and which given back. A chunk whose end was never committed is among those that are closed.
func TestMetadataKeepsTheSystemsRules(t *testing.T) {
	fake := arenatest.NewFakeOver(t, &chunks{System: arena.Metadata()}, 4<<10)
	m := mheap.NewMeta(fake)
	metaAlloc(t, m, 1000)
	metaAlloc(t, m, mheap.MetaChunk-512)
	metaAlloc(t, m, 1000)
	backed, reserved := m.Backed()
	require.EqualValues(t, backed, fake.Bytes(arenatest.Ready))
	require.EqualValues(t, reserved-backed, fake.Bytes(arenatest.Reserved))
	m.Close()
}

func TestManyMakeRecordsAtOnce(t *testing.T) {
	m, _ := newMeta(t)
	var all sync.WaitGroup
	for g := range 8 {
		all.Go(func() {
			random := rand.New(rand.NewPCG(uint64(g), 3))
			var mine [50]uintptr
			for range 2000 {
				i := random.IntN(len(mine))
				n := uintptr(64 * (1 + i))
				if mine[i] == 0 {
					p, err := m.Alloc(n)
					if !assert.NoError(t, err) {
						return
					}
					mine[i] = p
					b := metaBytes(p, n)
					if slices.ContainsFunc(b, func(b byte) bool { return b != 0 }) {
						t.Error("a block is not zeroed")
					}
					b[0], b[n-1] = byte(g+1), byte(g+1)
					continue
				}
				if b := metaBytes(mine[i], n); b[0] != byte(g+1) || b[n-1] != byte(g+1) {
					t.Error("a block was another's too")
				}
				m.Free(mine[i], n)
				mine[i] = 0
			}
		})
	}
	all.Wait()
}

// A block that comes back after the end is nobody's: its memory may be another heap's by then.
func TestAClosedMetaTakesNothingBack(t *testing.T) {
	m, _ := newMeta(t)
	small, large := metaAlloc(t, m, 192), metaAlloc(t, m, 8192)
	m.Close()
	m.Free(small, 192)
	m.Free(large, 8192)
	for p, n := range map[uintptr]uintptr{small: 192, large: 8192} {
		require.Equal(t, -1, slices.IndexFunc(metaBytes(p, n), func(b byte) bool { return b != 0 }))
	}
}
