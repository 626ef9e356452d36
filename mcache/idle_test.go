package mcache_test

import (
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// What is used between two looks stays, the rest goes; and nothing is done when there is nothing.
func TestRestEmptiesWhatIsIdle(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	live := r.hoard(4)
	r.Rest()
	held := r.Usage(noscan(64)).InCaches
	for range 3 {
		b := r.mustAlloc(noscan(64), 64)
		r.mustFree(b)
		r.Rest()
	}
	require.NotZero(t, held)
	busy := 0
	for _, h := range r.Hoards() {
		if !h.Empty() {
			busy++
		}
	}
	require.LessOrEqual(t, busy, 3, "owners that were at work between the last two looks")
	r.Rest()
	for _, h := range r.Hoards() {
		require.True(t, h.Empty(), "%+v", h)
	}
	for _, b := range live {
		r.mustFree(b)
	}
	live = nil
	r.Rest()
	r.Rest()
	r.verify(nil)
	spans := 0
	r.heap.Walk(func(*mheap.Span) { spans++ })
	require.Zero(t, spans, "the centrals' spares have gone too")
}

// grow makes a heap that is large enough for several steps of the system's from one look to the next grow until the next look,
// and lets others use it on the way.
func (r *rig) grow(use func()) (live []block) {
	r.t.Helper()
	if r.LargeUsage().Bytes == 0 {
		live = append(live, r.mustAlloc(mheap.LargeNoscan, 700<<20))
	}
	for swept := r.Swept(); r.Swept() == swept; use() {
		live = append(live, r.mustAlloc(noscan(4096), 4096))
	}
	return live
}

// While a heap grows, a magazine that is in use but never runs empty gives back most of what it holds, again and again;
// one that ran empty keeps it; one that was in use until then, and not since, gives back all.
func TestAHeapThatGrowsTakesWhatMagazinesHoldTooMuch(t *testing.T) {
	procs(t, 1)
	class := noscan(256)
	r := newRig(t)
	live := r.grow(func() {})
	r.swing(class, 60, 12)
	held := func() int { return int(r.Usage(class).InCaches) }
	before := held()
	for range 5 {
		live = append(live, r.grow(func() { r.swing(class, before+1, 1) })...)
		require.GreaterOrEqual(t, held(), before)
	}
	for range 5 {
		live = append(live, r.grow(func() { r.mustFree(r.mustAlloc(class, 256)) })...)
	}
	require.Less(t, held(), before/10)
	r.swing(class, 60, 12)
	require.Positive(t, held())
	live = append(live, r.grow(func() {})...)
	require.Less(t, held(), before/10)
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// A leased cache is trimmed by its owner, when he makes the heap grow.
func TestAHeapThatGrowsTakesWhatALeasedCacheHoldsTooMuch(t *testing.T) {
	r := newRig(t)
	own, err := r.Lease()
	require.NoError(t, err)
	var live []block
	for range 500 {
		live = append(live, r.allocLeased(own, noscan(256), 256))
	}
	for _, b := range live {
		r.freeLeased(own, b)
	}
	live = live[:0]
	held := r.Usage(noscan(256)).InCaches
	require.Greater(t, held, uint64(400))
	for range 2000 {
		live = append(live, r.allocLeased(own, noscan(4096), 4096))
	}
	require.Less(t, r.Usage(noscan(256)).InCaches, held/10+mcache.AsideSlots)
	r.verify(live)
	r.Return(own)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// While a heap grows, large objects that nobody takes go back, those that come and go stay.
func TestAHeapThatGrowsTakesLargeObjectsThatLieIdle(t *testing.T) {
	procs(t, 1)
	const n = 40 << 10
	r := newRig(t)
	pair := func() { r.mustFree(r.mustAlloc(mheap.LargeNoscan, n)) }
	r.grow(pair)
	for range 5 {
		r.grow(pair)
		require.EqualValues(t, n, r.LargeUsage().CachedBytes)
	}
	r.grow(func() {})
	require.Zero(t, r.LargeUsage().CachedBytes)
}

// What lies idle is given back before the heap grows for a large object, which may have the room then.
func TestALargeObjectIsMadeOfWhatLaysIdle(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	const n = 3 << 20
	class := noscan(8192)
	live := r.grow(func() {})
	r.mustFree(r.mustAlloc(mheap.LargeNoscan, 4<<20))
	var idle []block
	for r.heap.Fits(n >> mheap.PageShift) {
		idle = append(idle, r.mustAlloc(class, 8192))
	}
	for _, b := range idle {
		r.MakeRoom(nil, class, 0) // or those for which there is none wait aside
		r.mustFree(b)
	}
	committed := r.heap.Committed()
	live = append(live, r.mustAlloc(mheap.LargeNoscan, n))
	require.Equal(t, committed, r.heap.Committed())
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// A large object that fits nowhere takes memory from the system, and as much goes back that is free in shorter runs.
func TestFreeRunsAreTradedForALargeObject(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	r.heap.UseTrade(true)
	const n, times = 64 << 10, 200
	var live, odd []block
	for i := range times {
		b := r.mustAlloc(mheap.LargeNoscan, n)
		if i%2 == 0 {
			live = append(live, b)
		} else {
			odd = append(odd, b)
		}
	}
	for _, b := range odd {
		r.mustFree(b)
	}
	before := r.heap.Budget().Backed()
	for range times / 4 {
		live = append(live, r.mustAlloc(mheap.LargeNoscan, 2*n))
	}
	require.Less(t, r.heap.Budget().Backed(), before+times/2*n/8, "and not by all that was taken")
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// A large object comes and goes, and each time a small span takes the beginning of its place: it does not take new pages for all
// of its length each time.
func TestNoTradeForALargeObjectThatComesAndGoes(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	r.heap.UseTrade(true)
	const n, times = 1 << 20, 300
	var live []block
	grow := func(times int) {
		for range times {
			live = append(live, r.mustAlloc(noscan(8192), 8192))
		}
	}
	grow(1000)
	committed := r.heap.Committed()
	for range times {
		b := r.mustAlloc(mheap.LargeNoscan, n)
		r.mustFree(b)
		grow(3)
	}
	require.Less(t, r.heap.Committed(), committed+times*3*8192+8*n)
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// Whatever the rate of samples, each block that is allocated or freed is seen.
func TestEveryBlockIsActivity(t *testing.T) {
	procs(t, 1)
	for _, rate := range []uintptr{0, 1, 100} {
		r := newRig(t)
		r.SetSampleRate(rate, false)
		before := r.Activity()
		requireSeen := func() {
			require.NotEqual(t, before, r.Activity(), "at the rate %d", rate)
			before = r.Activity()
		}
		var live []block
		for range 300 {
			live = append(live, r.mustAlloc(noscan(64), 64))
			requireSeen()
		}
		for _, b := range live {
			r.mustFree(b)
			requireSeen()
		}
	}
}

// A parked cache is empty, serves its owner again when he comes, and tells that he did.
func TestParkedCachesComeBack(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	var stirred atomic.Int64
	r.heap.OnStir(func() { stirred.Add(1) })
	require.True(t, r.Parked(), "no caches")
	var live []block
	owners := runtime.GOMAXPROCS(0) // one, where there is one thread
	for len(r.Hoards()) < owners {
		live = append(live, r.hoard(4)...)
	}
	require.False(t, r.Parked())
	for range 3 {
		small := r.mustAlloc(noscan(64), 64)
		r.Park()
		require.True(t, r.Parked())
		r.verify(append(live, small))
		for _, h := range r.Hoards() {
			require.True(t, h.Empty(), "%+v", h)
		}
		before := stirred.Load()
		r.mustFree(small)
		require.Greater(t, stirred.Load(), before)
		require.False(t, r.Parked())
		r.verify(live)
		b := r.mustAlloc(noscan(64), 64)
		r.mustFree(b)
		r.verify(live)
	}
	require.Len(t, r.Hoards(), owners, "no cache is made anew")
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// Activity sees every allocation and every free.
func TestActivity(t *testing.T) {
	r := newRig(t)
	leased, err := r.Lease()
	require.NoError(t, err)
	before := r.Activity()
	require.Equal(t, before, r.Activity())
	changed := func(what string) {
		t.Helper()
		require.NotEqual(t, before, r.Activity(), what)
		before = r.Activity()
	}
	for _, b := range []block{{class: mheap.Tiny, n: 3}, {class: noscan(64), n: 64}, {class: mheap.LargeNoscan, n: 50_000},
		{class: mheap.LargeNoscan, n: 1 << 20}, {class: mheap.LargeScan, n: 100_000}} {
		c := r.mustAlloc(b.class, b.n)
		changed("alloc")
		r.mustFree(c)
		changed("free")
	}
	_, _, err = r.Alloc(leased, noscan(64), 64)
	require.NoError(t, err)
	changed("alloc of a leased cache")
}

// Owners at work while their caches are parked under them.
func TestParkUnderLoad(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	done := make(chan []block)
	go func() { done <- r.hoard(4) }()
	for {
		select {
		case live := <-done:
			r.verify(live)
			for _, b := range live {
				r.mustFree(b)
			}
			r.Park()
			r.verify(nil)
			return
		default:
			r.Park()
			r.Rest()
			runtime.Gosched() // nothing else lets the others go on where there is one thread
		}
	}
}
