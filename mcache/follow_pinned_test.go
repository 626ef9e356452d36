//go:build !wasm && !race && !spanheap_portable

package mcache_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// hop is a goroutine that has allocated blocks on one P and goes on on another.
type hop struct {
	*rig
	now  atomic.Int64
	live []block      // what it has of the first P
	left atomic.Int64 // how often somebody has been at work there since
	ps   [2]int       // where both goroutines are
	lost atomic.Bool  // one was elsewhere
}

const hopBlocks = 40 * mcache.AsideSlots

// hops calls there on another P than the one whose cache h.live is of; on that P left is called again and again meanwhile. Which Ps goroutines are on is the scheduler's choice, so it is tried until neither has changed his. It returns
// whether the cache at work there owns what is left of h.live.
func hops(t *testing.T, there, left func(h *hop)) (follows bool) {
	procs(t, 2)
	for range 1000 {
		h := &hop{rig: newRig(t)}
		undo := mcache.SetClock(func() time.Duration { return time.Hour + time.Duration(h.now.Load()) })
		var begun, done atomic.Bool
		onProcs(2, func(g int) {
			h.ps[g] = h.where()
			if g == 0 {
				for range hopBlocks {
					h.live = append(h.live, h.mustAlloc(noscan(64), 64))
				}
				for begun.Store(true); !done.Load(); h.left.Add(1) {
					left(h)
					h.stay(0)
				}
			} else {
				for !begun.Load() {
				}
				there(h)
				follows = h.owns()
				h.stay(1)
				done.Store(true)
			}
		})
		undo()
		if !h.lost.Load() && h.ps[0] != h.ps[1] {
			return follows
		}
	}
	require.FailNow(t, "goroutines never stay on two Ps")
	return false
}

// where returns the number of the caller's P.
func (r *rig) where() int {
	id := mcache.Pin()
	r.Leave(nil)
	return id
}

// owns tells whether the cache of the caller's P owns what is left of h.live.
func (h *hop) owns() bool {
	c := h.Enter(mcache.Pin())
	defer h.Leave(c)
	return c.Owns(mheap.SlotState(stateOf(h.live[len(h.live)-1])))
}

// stay notes whether the goroutine is where it was.
func (h *hop) stay(g int) {
	if h.where() != h.ps[g] {
		h.lost.Store(true)
	}
}

// replace frees a block of the first P, and allocates another one, so many times. Each takes a while.
func (h *hop) replace(blocks int, each time.Duration) {
	for range blocks {
		h.now.Add(int64(each))
		h.mustFree(h.live[0])
		h.live = h.live[1:]
		h.mustAlloc(noscan(64), 64)
	}
}

func idle(*hop) {}

const hopFrees = hopBlocks / 2

func TestACacheFollowsItsGoroutine(t *testing.T) {
	require.True(t, hops(t, func(h *hop) { h.replace(hopFrees, 10*time.Microsecond) }, idle))
}

func TestACacheFollowsItsGoroutineBack(t *testing.T) {
	var went bool
	var goes atomic.Bool
	require.False(t, hops(t, func(h *hop) {
		h.replace(hopFrees, 10*time.Microsecond)
		went = h.owns()
		for goes.Store(true); goes.Load(); { // until the other goroutine has gone on with it, where it was at first
		}
	}, func(h *hop) {
		if goes.Load() {
			h.replace(hopFrees-1, 10*time.Microsecond)
			goes.Store(false)
		}
	}))
	require.True(t, went)
}

func TestACacheDoesNotFollowAtOnce(t *testing.T) {
	require.False(t, hops(t, func(h *hop) { h.replace(hopFrees, mcache.LeftAfter/hopFrees-1) }, idle))
}

func TestACacheAtWorkFollowsNobody(t *testing.T) {
	require.False(t, hops(t, func(h *hop) {
		for range 24 {
			for seen := h.left.Load(); h.left.Load() < seen+2; {
			}
			h.replace(16, 10*time.Microsecond)
		}
	}, func(h *hop) { h.mustFree(h.mustAlloc(noscan(1024), 1024)) }))
}

// Who frees as many blocks of his own as he frees of the other's has not come from there for good.
func TestACacheDoesNotFollowWhoHasItsOwn(t *testing.T) {
	require.False(t, hops(t, func(h *hop) {
		for range hopFrees {
			h.replace(1, 10*time.Microsecond)
			h.mustFree(h.mustAlloc(noscan(64), 64))
		}
	}, idle))
}

func TestCachesThatChangedOwnersStayForAWhile(t *testing.T) {
	const stay = 2 * time.Millisecond
	stays := func(frees time.Duration) bool {
		return hops(t, func(h *hop) {
			h.StayFor(stay)
			h.replace(hopFrees, frees/hopFrees)
		}, idle)
	}
	require.False(t, stays(stay-time.Microsecond))
	require.True(t, stays(2*stay))
}

// What a Local owns stays with it.
func TestALocalsCacheFollowsNobody(t *testing.T) {
	for range 10 { // on this P and that
		require.True(t, hops(t, func(h *hop) {
			own := h.leased()
			for i := range h.live[1:] {
				h.live[i] = h.by(own, 64)
			}
			h.live[len(h.live)-1] = h.mustAlloc(noscan(64), 64)
			h.replace(hopFrees, 10*time.Microsecond)
		}, idle), "who freed his blocks has the cache that he had")
	}
}
