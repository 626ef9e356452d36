package spanheap_test

import (
	"errors"
	"math/rand/v2"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

func newLimited(t *testing.T, o spanheap.Options) *spanheap.Heap {
	t.Helper()
	o.Name = t.Name()
	h, err := spanheap.NewHeap(o)
	require.NoError(t, err)
	return h
}

// fillUp allocates blocks of n bytes until the limit refuses one, and returns them.
func fillUp(t *testing.T, h *spanheap.Heap, n int) (blocks [][]byte) {
	t.Helper()
	for {
		b, err := h.Alloc(n)
		if err != nil {
			require.ErrorIs(t, err, spanheap.ErrLimit)
			require.NotErrorIs(t, err, spanheap.ErrOutOfMemory)
			return blocks
		}
		blocks = append(blocks, b)
	}
}

// requireWithin checks that the heap is sound and within the limit, to the byte.
func requireWithin(t *testing.T, h *spanheap.Heap, limit uint64) {
	t.Helper()
	require.NoError(t, h.Verify())
	backed := h.Stats().Backed
	require.Equal(t, backed, h.Backed())
	require.LessOrEqual(t, backed, limit)
}

// Whatever is allocated, the limit holds; most of it can be used; and what is freed can be allocated again,
// in blocks of any other size.
func TestNothingIsBackedBeyondTheLimit(t *testing.T) {
	const limit = 3 << 20
	for _, n := range []int{100, 3000, 32 << 10, 200_000, 1 << 20} {
		h := newLimited(t, spanheap.Options{Limit: limit})
		for _, n := range []int{n, 1000, 300_000, n} {
			blocks := fillUp(t, h, n)
			requireWithin(t, h, limit)
			require.Greater(t, len(blocks)*max(n, 4), limit/2, "blocks of %d bytes", n)
			for _, b := range blocks[:len(blocks)/2] {
				h.Free(b)
			}
			again := fillUp(t, h, n)
			require.InDelta(t, len(blocks)/2, len(again), float64(len(blocks)/4+2), "blocks of %d bytes", n)
			requireWithin(t, h, limit)
			for _, b := range append(again, blocks[len(blocks)/2:]...) {
				h.Free(b)
			}
		}
		closeEmpty(t, h)
	}
}

func TestLimitNamesItsFigures(t *testing.T) {
	h := newLimited(t, spanheap.Options{Limit: 1 << 20})
	_, err := h.Alloc(2 << 20)
	require.ErrorIs(t, err, spanheap.ErrLimit)
	require.ErrorContains(t, err, "spanheap: 2097152 bytes: memory limit reached: ")
	require.ErrorContains(t, err, "the heap's limit of 1048576")
	require.Less(t, h.Stats().Reserved, uint64(200<<20), "no address space is taken in vain")
	closeEmpty(t, h)
}

// Every way to allocate is refused alike, changes nothing, and works again.
func TestEveryWayToAllocateIsBounded(t *testing.T) {
	h := newLimited(t, spanheap.Options{Limit: 4 << 20})
	kept := alloc(t, h, 1000)
	tenant := movedIn(kept, 7)
	local := h.Local()
	blocks := fillUp(t, h, 20_000)
	last := blocks[len(blocks)-1]
	blocks = blocks[:len(blocks)-1]
	batch := make([][]byte, 50)
	ways := map[string]func() error{
		"Alloc":        func() error { b, err := h.Alloc(2 << 20); h.Free(b); return err },
		"AllocUninit":  func() error { b, err := h.AllocUninit(2 << 20); h.Free(b); return err },
		"AllocAligned": func() error { b, err := h.AllocAligned(1<<20, 1<<20); h.Free(b); return err },
		"Realloc":      func() error { _, err := h.Realloc(kept, 2<<20); return err },
		"Local": func() error {
			b, err := local.Alloc(2 << 20)
			local.Free(b)
			return err
		},
		"AllocBatch": func() error {
			n, err := h.AllocBatch(32<<10, batch)
			h.FreeBatch(batch[:n])
			return err
		},
		"MakeSlice": func() error {
			s, err := spanheap.MakeSlice[leaf](h, 100_000, 100_000)
			spanheap.FreeSlice(s)
			return err
		},
	}
	for name, try := range ways {
		before := h.Stats().LiveBlocks
		require.ErrorIs(t, try(), spanheap.ErrLimit, name)
		require.Equal(t, before, h.Stats().LiveBlocks, name)
		require.NoError(t, tenant.intact(), name)
		requireWithin(t, h, 4<<20)
	}
	for _, b := range blocks {
		h.Free(b)
	}
	for name, try := range ways {
		if name != "Realloc" { // which moves the block
			require.NoError(t, try(), name)
		}
	}
	moved, err := h.Realloc(kept, 2<<20)
	require.NoError(t, err)
	h.Free(moved)
	h.Free(last)
	require.NoError(t, local.Close())
	closeEmpty(t, h)
}

// Small blocks of every kind run into the limit too, through a Local as well.
func TestSmallBlocksRunIntoTheLimit(t *testing.T) {
	h := newLimited(t, spanheap.Options{Limit: 1 << 20})
	local := h.Local()
	for name, way := range map[string]func() (free func(), err error){
		"tiny":  func() (func(), error) { b, err := h.Alloc(2); return func() { h.Free(b) }, err },
		"Local": func() (func(), error) { b, err := local.Alloc(500); return func() { local.Free(b) }, err },
		"tiny, Local": func() (func(), error) {
			b, err := local.Alloc(5)
			return func() { local.Free(b) }, err
		},
		"New": func() (func(), error) {
			p, err := spanheap.New[leaf](h)
			return func() { spanheap.Delete(p) }, err
		},
	} {
		var frees []func()
		for {
			free, err := way()
			if err != nil {
				require.ErrorIs(t, err, spanheap.ErrLimit, name)
				break
			}
			frees = append(frees, free)
		}
		require.NotEmpty(t, frees, name)
		requireWithin(t, h, 1<<20)
		for _, free := range frees {
			free()
		}
	}
	require.NoError(t, local.Close())
	closeEmpty(t, h)
}

// However goroutines interleave, the limit is kept to the byte.
func TestLimitUnderLoad(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(8))
	const limit = 4 << 20
	h := newLimited(t, spanheap.Options{Limit: limit})
	var wg sync.WaitGroup
	var refused atomic.Int64
	for g := range 8 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 1))
			var blocks [][]byte
			for range loops(3000) {
				if b, err := h.AllocUninit(1 + logUniform(r, 19)); err == nil {
					blocks = append(blocks, b)
				} else if !errors.Is(err, spanheap.ErrLimit) {
					t.Error(err)
				} else {
					refused.Add(1)
				}
				if backed := h.Backed(); backed > limit {
					t.Errorf("%d bytes are backed, the limit is %d", backed, limit)
				}
				if len(blocks) > 0 && (len(blocks) > 200 || r.IntN(5) == 0) {
					k := r.IntN(len(blocks))
					h.Free(blocks[k])
					blocks[k] = blocks[len(blocks)-1]
					blocks = blocks[:len(blocks)-1]
				}
			}
			for _, b := range blocks {
				h.Free(b)
			}
		})
	}
	wg.Wait()
	require.NotZero(t, refused.Load())
	requireWithin(t, h, limit)
	closeEmpty(t, h)
}

func TestSetLimit(t *testing.T) {
	h := newHeap(t)
	require.Zero(t, h.SetLimit(8<<20), "there is none by default")
	first := fillUp(t, h, 10_000)
	require.EqualValues(t, 8<<20, h.SetLimit(16<<20))
	second := fillUp(t, h, 10_000)
	require.InDelta(t, len(first), len(second), float64(len(first)/8))
	requireWithin(t, h, 16<<20)

	for _, b := range second {
		h.Free(b)
	}
	require.EqualValues(t, 16<<20, h.SetLimit(12<<20))
	requireWithin(t, h, 12<<20) // what was free went back

	h.SetLimit(4 << 20)
	backed := h.Backed()
	require.Greater(t, backed, uint64(4<<20), "live blocks stay")
	_, err := h.Alloc(100_000)
	require.ErrorIs(t, err, spanheap.ErrLimit)
	for len(first) > 100 {
		h.Free(first[0])
		first = first[1:]
	}
	h.Free(alloc(t, h, 100_000))
	h.SetLimit(4 << 20)
	requireWithin(t, h, 4<<20)

	require.EqualValues(t, 4<<20, h.SetLimit(-1))
	require.Zero(t, h.SetLimit(0))
	h.Free(alloc(t, h, 100<<20))
	for _, b := range first {
		h.Free(b)
	}
	closeEmpty(t, h)
}

// A cache evicts as many entries as need be, and goes on.
func TestOnLimitEvicts(t *testing.T) {
	const limit = 4 << 20
	var h *spanheap.Heap
	var entries [][]byte
	calls := 0
	h = newLimited(t, spanheap.Options{Limit: limit, OnLimit: func(need int) bool {
		calls++
		freed := 0
		for freed < need && len(entries) > 0 {
			freed += len(entries[0])
			h.Free(entries[0])
			entries = entries[1:]
		}
		return freed > 0
	}})
	r := rand.New(rand.NewPCG(1, 9))
	for range loops(3000) {
		entries = append(entries, alloc(t, h, 1+logUniform(r, 18)))
		require.LessOrEqual(t, h.Backed(), uint64(limit))
	}
	require.NotZero(t, calls)
	requireWithin(t, h, limit)
	calls = 0
	_, err := h.Alloc(limit)
	require.ErrorIs(t, err, spanheap.ErrLimit)
	require.Zero(t, calls, "nothing is evicted for what could never fit")
	for _, b := range entries {
		h.Free(b)
	}
	closeEmpty(t, h)
}

func TestOnLimitThatIsNoHelp(t *testing.T) {
	for name, c := range map[string]struct {
		says  bool
		calls int
	}{"says so": {false, 1}, "lies": {true, 64}} {
		calls := 0
		h := newLimited(t, spanheap.Options{Limit: 2 << 20, OnLimit: func(need int) bool {
			require.GreaterOrEqual(t, need, 1_800_000)
			calls++
			return c.says
		}})
		b := alloc(t, h, 500_000)
		_, err := h.Alloc(1_800_000)
		require.ErrorIs(t, err, spanheap.ErrLimit, name)
		require.Equal(t, c.calls, calls, name)
		_, err = h.Alloc(3 << 20)
		require.ErrorIs(t, err, spanheap.ErrLimit)
		require.Equal(t, c.calls, calls, "nobody is asked for what the limit could never hold")
		h.Free(b)
		closeEmpty(t, h)
	}
}

// OnLimit may allocate, as long as it fits.
func TestOnLimitThatAllocates(t *testing.T) {
	var h *spanheap.Heap
	var held []byte
	var nested error
	h = newLimited(t, spanheap.Options{Limit: 2 << 20, OnLimit: func(int) bool {
		if held == nil {
			return false
		}
		_, nested = h.Alloc(1 << 20)
		h.Free(held)
		held = nil
		note, err := h.Alloc(100)
		require.NoError(t, err)
		h.Free(note)
		return true
	}})
	held = alloc(t, h, 1_500_000)
	b := alloc(t, h, 1<<20)
	require.ErrorIs(t, nested, spanheap.ErrLimit)
	h.Free(b)
	closeEmpty(t, h)
}

func TestOnLimitThatPanics(t *testing.T) {
	const limit = 3 << 20
	h := newLimited(t, spanheap.Options{Limit: limit, OnLimit: func(int) bool { panic("no more") }})
	b, behind := alloc(t, h, 1_500_000), alloc(t, h, 50_000)
	for range 2 {
		require.PanicsWithValue(t, "no more", func() { _, _ = h.Alloc(2_000_000) })
		require.PanicsWithValue(t, "no more", func() { _, _ = h.Realloc(b, 2_000_000) })
		requireWithin(t, h, limit)
	}
	h.Free(b)
	h.Free(behind)
	h.Free(alloc(t, h, 2_000_000))
	closeEmpty(t, h)
}

// Goroutines that share a cache never see a refusal, as long as it has something to evict.
func TestOnLimitIsAskedByOneAtATime(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(4))
	var mu sync.Mutex
	var entries [][]byte
	var inside atomic.Int32
	var h *spanheap.Heap
	h = newLimited(t, spanheap.Options{Limit: 6 << 20, OnLimit: func(need int) bool {
		if inside.Add(1) != 1 {
			t.Error("two at a time")
		}
		defer inside.Add(-1)
		mu.Lock()
		defer mu.Unlock()
		freed := 0
		for freed < 2*need && len(entries) > 0 {
			freed += len(entries[0])
			h.Free(entries[0])
			entries = entries[1:]
		}
		return freed > 0
	}})
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			r := rand.New(rand.NewPCG(uint64(g), 3))
			for range loops(1500) {
				b, err := h.AllocUninit(1 + logUniform(r, 17))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				entries = append(entries, b)
				mu.Unlock()
			}
		})
	}
	wg.Wait()
	requireWithin(t, h, 6<<20)
	for _, b := range entries {
		h.Free(b)
	}
	closeEmpty(t, h)
}

// Above its soft limit a heap gives back what it has too much of while it grows; nothing is refused.
func TestSoftLimit(t *testing.T) {
	const soft = 8 << 20
	h := newLimited(t, spanheap.Options{SoftLimit: soft})
	var blocks [][]byte
	for range 500 {
		blocks = append(blocks, dirty(t, h, 30_000))
	}
	require.Greater(t, h.Backed(), uint64(soft))
	for _, b := range blocks {
		h.Free(b)
	}
	b := alloc(t, h, 16<<20) // does not fit in what is free
	require.Less(t, h.Backed(), uint64(16<<20+soft))
	h.Free(b)
	closeEmpty(t, h)
}

func TestProcessLimit(t *testing.T) {
	spanheap.SetProcessLimit(1) // of other tests' heaps nothing free stays
	spanheap.SetProcessLimit(0)
	one, two := newHeap(t), newHeap(t)
	b := alloc(t, one, 4<<20)
	const more = 4 << 20
	now := spanheap.ProcessBacked()
	require.Zero(t, spanheap.SetProcessLimit(int64(now)+more))
	defer spanheap.SetProcessLimit(0)
	_, err := two.Alloc(6 << 20)
	require.ErrorIs(t, err, spanheap.ErrLimit)
	require.ErrorContains(t, err, "the process's limit")
	one.Free(b)
	c := alloc(t, two, 6<<20) // the other heap's free pages make room
	require.LessOrEqual(t, spanheap.ProcessBacked(), now+more)
	two.Free(c)
	require.EqualValues(t, now+more, spanheap.SetProcessLimit(0))
	closeEmpty(t, one)
	closeEmpty(t, two)
}
