package mcache_test

import (
	"math"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// rig is the caches of a heap whose pages are mere numbers.
type rig struct {
	mcache.Set
	t        testing.TB
	heap     *mheap.Heap
	system   *arenatest.Faulty // refuses what the test names
	metadata *arenatest.Faulty
}

const roomBytes = 1 << 30

// heaps counts the heaps of rigs: those of one test lie at the same addresses, and must not take each other's pages for theirs.
var heaps atomic.Uint32

func newRig(t testing.TB) *rig {
	t.Helper()
	fake := arenatest.NewFake(t, 64<<10)
	fake.Occupy(0, room)
	fake.Occupy(room+roomBytes, math.MaxUint-room-roomBytes)
	fake.Place(room)
	r := &rig{t: t, system: arenatest.NewFaulty(fake), metadata: arenatest.NewFaulty(arena.Metadata())}
	r.heap = mheap.New(heaps.Add(1), arena.NewSpace(r.system), r.metadata)
	r.Init(r.heap)
	t.Cleanup(func() {
		r.system.Refuse(nil)
		r.metadata.Refuse(nil)
		r.heap.Close()
	})
	return r
}

// procs sets GOMAXPROCS for the test.
func procs(t testing.TB, n int) {
	before := runtime.GOMAXPROCS(n)
	t.Cleanup(func() { runtime.GOMAXPROCS(before) })
}

// noscan is the class of noscan blocks of n bytes.
func noscan(n uintptr) mheap.SpanClass { return mheap.ClassOf(sizeclass.Of(n), true) }

// block is what a caller has.
type block struct {
	addr, n uintptr
	class   mheap.SpanClass
}

// bytes is how many bytes the block may use.
func (b block) bytes() uintptr {
	switch {
	case b.class.Large():
		return (b.n + mheap.PageSize - 1) &^ (mheap.PageSize - 1)
	}
	return b.class.Layout().Bytes
}

// alloc allocates as the layer above does: by the caches' fast path, else by the slow one.
func (r *rig) alloc(class mheap.SpanClass, n uintptr) (block, error) {
	b := block{n: n, class: class}
	switch {
	case class.Large():
		if class == mheap.LargeNoscan && n <= mcache.MaxCachedLarge {
			c := r.Enter(mcache.Pin())
			b.addr = c.PopLarge(n)
			r.Leave(c)
			if b.addr != 0 {
				return b, nil
			}
		}
		span, _, _, err := r.AllocLarge(class, n, 0)
		if err != nil {
			return b, err
		}
		b.addr = span.Base()
		return b, nil
	}
	c := r.Enter(mcache.Pin())
	b.addr = c.Pop(class, n)
	r.Leave(c)
	if b.addr != 0 {
		return b, nil
	}
	addr, _, err := r.Alloc(nil, class, n)
	b.addr = addr
	return b, err
}

// free frees as the layer above does, and tells whether the block was live.
func (r *rig) free(b block) bool {
	e := mheap.EntryOf(b.addr)
	if !e.InUse() {
		return false
	}
	state, _ := e.Slot(b.addr)
	if b.class.Large() {
		return r.freeLarge(r.Enter(mcache.Pin()), b, state)
	}
	if r.freeSmall(b, state) {
		return true
	}
	if s := mheap.SlotState(state); mheap.IsLive(s) {
		r.MakeRoom(nil, b.class, mheap.OwnerOf(s))
		if r.freeSmall(b, state) {
			return true
		}
	}
	if !mheap.FreeSlot(state, mheap.Away) {
		return false
	}
	r.Free(nil, b.class, b.addr, state, b.n, true)
	return true
}

// freeSmall is free of a small block where the cache has room for its slot.
func (r *rig) freeSmall(b block, state uintptr) bool {
	c := r.Enter(mcache.Pin())
	defer r.Leave(c)
	switch s := mheap.SlotState(state); {
	case c.Owns(s):
		if !c.HasRoom(b.class) {
			return false
		}
		c.Push(b.class, b.addr, state, b.n)
		return true
	case !mheap.IsLive(s) || !c.HasRoomAside() || !c.FreeAside(state):
		return false
	}
	c.PutAside(b.class, b.addr, state, b.n)
	return true
}

// freeLarge is free of a large block by c, which it leaves.
func (r *rig) freeLarge(c *mcache.Cache, b block, state uintptr) bool {
	span := mheap.SpanOf(b.addr)
	length := span.Bytes()
	room := b.class == mheap.LargeNoscan && length <= mcache.MaxCachedLarge && c.HasRoomLarge(length)
	if room && c.Owns(mheap.SlotState(state)) {
		c.PushLarge(b.addr, state, length, b.n)
		r.Leave(c)
		return true
	}
	c.Disown(state) // or there is no room
	won := mheap.SlotState(state) == mheap.Live && mheap.FreeExactly(state, mheap.Live)
	if won && room {
		c.PushLarge(b.addr, state, length, b.n)
	}
	r.Leave(c)
	switch {
	case won && !room:
		r.FreeLarge(span, b.n)
	case !won && (!mheap.Owned(mheap.SlotState(state)) || !mheap.FreeSlot(state, mheap.Away)):
		return false
	case !won:
		r.Free(nil, b.class, b.addr, state, b.n, true)
	}
	return true
}

// allocLeased and freeLeased are alloc and free of a leased cache's owner, by the slow paths.
func (r *rig) allocLeased(own *mcache.Cache, class mheap.SpanClass, n uintptr) block {
	r.t.Helper()
	addr, _, err := r.Alloc(own, class, n)
	require.NoError(r.t, err)
	return block{addr, n, class}
}

func (r *rig) freeLeased(own *mcache.Cache, b block) {
	r.t.Helper()
	state, _ := mheap.EntryOf(b.addr).Slot(b.addr)
	require.True(r.t, mheap.FreeSlot(state, mheap.Away))
	r.Free(own, b.class, b.addr, state, b.n, true)
}

func (r *rig) mustAlloc(class mheap.SpanClass, n uintptr) block {
	r.t.Helper()
	b, err := r.alloc(class, n)
	if err != nil {
		require.NoError(r.t, err)
	}
	return b
}

func (r *rig) mustFree(b block) {
	r.t.Helper()
	if !r.free(b) {
		require.FailNow(r.t, "not live", "%+v", b)
	}
}

// verify checks every count, and that what is live is what the test has.
func (r *rig) verify(live []block) {
	r.t.Helper()
	require.NoError(r.t, r.heap.Verify())
	require.NoError(r.t, r.Verify())
	var blocks, requested [mheap.NumSpanClasses]uint64
	for _, b := range live {
		blocks[b.class]++
		requested[b.class] += uint64(b.n)
	}
	for class := mheap.LargeNoscan + 1; int(class) < mheap.NumSpanClasses; class++ {
		u := r.Usage(class)
		require.Equal(r.t, blocks[class], u.Live, "blocks of class %d", class)
		require.Equal(r.t, requested[class], u.Requested, "bytes of class %d", class)
		require.Equal(r.t, u.Slots, u.InSpans+u.InCaches+u.Live)
		require.GreaterOrEqual(r.t, u.Mallocs, u.Live)
	}
	large := r.LargeUsage()
	require.Equal(r.t, blocks[mheap.LargeScan]+blocks[mheap.LargeNoscan], large.Spans-large.CachedSpans)
	require.Equal(r.t, requested[mheap.LargeScan]+requested[mheap.LargeNoscan], large.Requested)
	for _, h := range r.Hoards() {
		require.Equal(r.t, h.Beyond, h.Spent, "the budget of cache %d", h.ID)
		require.LessOrEqual(r.t, h.LargeBytes, uintptr(mcache.MaxLarge))
	}
}

// requireEmpty drains the caches, and checks that nothing is left of anything.
func (r *rig) requireEmpty() {
	r.t.Helper()
	r.Drain()
	r.verify(nil)
	for _, h := range r.Hoards() {
		require.True(r.t, h.Empty(), "%+v", h)
	}
	inUse := 0
	r.heap.Walk(func(*mheap.Span) { inUse++ })
	require.Zero(r.t, inUse, "spans in use")
}

// onProcs runs f in n goroutines that all are at work at one moment, as far as that can be.
func onProcs(n int, f func(g int)) {
	var all, ready sync.WaitGroup
	ready.Add(n)
	for g := range n {
		all.Go(func() {
			ready.Done()
			ready.Wait()
			f(g)
		})
	}
	all.Wait()
}
