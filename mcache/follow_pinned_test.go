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

// hop is what a goroutine has that has allocated on one P and goes on on another.
type hop struct {
	*rig
	now  atomic.Int64
	live []block
}

// replace frees a block of the first P and allocates another one, so many times, and takes 10 µs for each.
func (h *hop) replace(blocks int) {
	for range blocks {
		h.now.Add(int64(10 * time.Microsecond))
		h.mustFree(h.live[0])
		h.live = h.live[1:]
		h.mustAlloc(noscan(64), 64)
	}
}

// owns tells whether the cache of the caller's P owns what is left.
func (h *hop) owns() bool {
	c := h.Enter(mcache.Pin())
	defer h.Leave(c)
	return c.Owns(mheap.SlotState(stateOf(h.live[len(h.live)-1])))
}

// where returns the number of the caller's P.
func (r *rig) where() int {
	id := mcache.Pin()
	r.Leave(nil)
	return id
}

// A goroutine allocates on one P, goes on on another, and then where it was. Each time it has its cache soon. Which Ps there
// are is the scheduler's choice: it is tried until two goroutines that go on for each other have each stayed on one.
func TestACacheFollowsItsGoroutine(t *testing.T) {
	const blocks = 20 * mcache.AsideSlots
	procs(t, 2)
	try := func() (stayed, came, went bool) {
		h := &hop{rig: newRig(t)}
		defer mcache.SetClock(func() time.Duration { return time.Hour + time.Duration(h.now.Load()) })()
		var turn atomic.Int32
		var ps [2][2]int
		onProcs(2, func(g int) {
			ps[g][0] = h.where()
			if g == 0 {
				for range 2 * blocks {
					h.live = append(h.live, h.mustAlloc(noscan(64), 64))
				}
				for turn.Store(1); turn.Load() == 1; {
				}
				h.now.Add(int64(mcache.LongestStay))
				h.replace(blocks - 1)
				went = h.owns()
				turn.Store(3)
			} else {
				for turn.Load() == 0 {
				}
				h.replace(blocks)
				came = h.owns()
				for turn.Store(2); turn.Load() == 2; {
				}
			}
			ps[g][1] = h.where()
		})
		return ps[0][0] == ps[0][1] && ps[1][0] == ps[1][1] && ps[0][0] != ps[1][0], came, went
	}
	for range 1000 {
		if stayed, came, went := try(); stayed && came && went {
			return
		}
	}
	require.FailNow(t, "no cache follows")
}
