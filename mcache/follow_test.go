//go:build !wasm

package mcache_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// moved is an owner who has come from there, with the blocks that he has of it.
type moved struct {
	*rig
	now         time.Duration
	stop        time.Duration // how long a look at the clock takes
	here, there *mcache.Cache
	live        []block
}

func newMoved(t *testing.T) *moved {
	m := &moved{rig: newRig(t), now: time.Hour}
	t.Cleanup(mcache.SetClock(func() time.Duration { m.now += m.stop; return m.now }))
	m.here, m.there = m.joined(0), m.joined(1)
	for range 5 * some {
		m.live = append(m.live, m.by(m.there, 64))
	}
	return m
}

func (r *rig) joined(id int) *mcache.Cache {
	r.t.Helper()
	require.NoError(r.t, r.Admit(id))
	return r.At(id)
}

// free frees so many of the blocks, by the cache of who has come.
func (m *moved) free(blocks int) {
	m.t.Helper()
	for range blocks {
		m.freeBy(m.here, m.live[0])
		m.live = m.live[1:]
	}
}

// look has who has come look after a while whether he has left that cache, and tells whether he has got it.
func (m *moved) look(after time.Duration, there *mcache.Cache) bool {
	m.t.Helper()
	m.now += after
	here := m.here
	m.Follow(here, there)
	at0, at1 := m.At(0), m.At(1)
	require.True(m.t, at0 == m.here && at1 == m.there || at0 == m.there && at1 == m.here, "each is at one place")
	return at0 != here
}

const some = 8 * mcache.AsideSlots

func TestACacheFollowsItsOwner(t *testing.T) {
	m := newMoved(t)
	require.False(t, m.look(0, m.there))
	m.free(some)
	require.False(t, m.look(mcache.LeftAfter-1, m.there), "it has not been idle for long")
	require.True(t, m.look(1, m.there))

	// Each is as good as before, where it is now; and he may go back.
	m.here, m.there = m.there, m.here
	for range some {
		m.freeBy(m.here, m.live[0])
		m.live[0] = m.by(m.there, 64)
		m.live = append(m.live[1:], m.live[0])
	}
	m.live = m.live[len(m.live)-some:]
	require.False(t, m.look(mcache.LongestStay, m.there))
	m.free(some)
	require.True(t, m.look(mcache.LeftAfter, m.there))
}

func TestACacheDoesNotFollow(t *testing.T) {
	freesOwn := func(m *moved, blocks int) {
		for range blocks {
			m.freeBy(m.here, m.by(m.here, 64))
		}
	}
	for name, c := range map[string]struct {
		meanwhile func(m *moved)
		quiet     time.Duration // no cache is watched for so long then
	}{
		"at work":       {func(m *moved) { m.free(some); m.by(m.there, 1024) }, mcache.BusyFor},
		"nothing freed": {func(m *moved) {}, 0},
		"own freed":     {func(m *moved) { freesOwn(m, some); m.free(some) }, 0},
		"another's":     {func(m *moved) { m.free(some); m.look(mcache.LeftAfter, m.joined(2)) }, mcache.SeveralFor - mcache.LeftAfter},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMoved(t)
			require.False(t, m.look(0, m.there))
			c.meanwhile(m)
			require.False(t, m.look(mcache.LeftAfter, m.there))
			if c.quiet > 0 {
				m.free(some)
				require.False(t, m.look(c.quiet-1, m.there))
				m.free(some)
				require.False(t, m.look(mcache.LeftAfter, m.there), "it was not watched")
			}
			m.free(some)
			require.True(t, m.look(mcache.LeftAfter, m.there), "until later")
		})
	}
}

// What is one goroutine's on any P stays with it, and a cache that others have emptied meanwhile with its owner.
func TestCachesThatFollowNobody(t *testing.T) {
	m := newMoved(t)
	local := m.leased()
	var blocks []block
	for range some {
		blocks = append(blocks, m.by(local, 64))
	}
	require.False(t, m.look(0, local))
	for _, b := range blocks {
		m.freeBy(m.here, b)
	}
	require.False(t, m.look(mcache.BusyFor, local))
	require.False(t, m.look(mcache.BusyFor, m.here), "his own")

	require.False(t, m.look(mcache.BusyFor, m.there))
	m.free(some)
	m.Park()
	m.now += mcache.LeftAfter
	m.Follow(m.here, m.there)
	require.True(t, m.Parked())
	require.Same(t, mcache.Nobody(), m.At(0))
}

// The world is stopped for a part of the time.
func TestCachesStayWhereTheyCame(t *testing.T) {
	for took, stay := range map[time.Duration]time.Duration{
		time.Millisecond: mcache.StopShare * time.Millisecond,
		time.Minute:      mcache.LongestStay,
	} {
		m := newMoved(t)
		require.False(t, m.look(0, m.there))
		m.free(some)
		m.stop = took
		require.True(t, m.look(mcache.LeftAfter, m.there))
		m.stop = 0
		m.here, m.there = m.there, m.here
		var blocks []block
		for range 4 * some {
			blocks = append(blocks, m.by(m.there, 64))
		}
		m.live = blocks
		require.False(t, m.look(0, m.there))
		m.free(some)
		require.False(t, m.look(stay-1, m.there))
		m.free(some)
		require.True(t, m.look(1, m.there))
	}
}

// Who looks for idle caches sees of each whether it was used, wherever it was then.
func TestWhoLooksForIdleCachesKnowsThoseThatHaveMoved(t *testing.T) {
	for name, look := range map[string]struct{ note, empty func(m *moved) }{
		"sweep": {func(m *moved) { m.NoteLooks() }, func(m *moved) { m.Sweep() }},
		"rest":  {func(m *moved) { m.Rest() }, func(m *moved) { m.Rest() }},
	} {
		t.Run(name, func(t *testing.T) {
			procs(t, 2)
			m := newMoved(t)
			look.note(m)
			if name == "rest" {
				m.by(m.there, 64) // or it is empty
				look.note(m)
			}
			require.False(t, m.look(0, m.there))
			m.free(some)
			require.True(t, m.look(mcache.LeftAfter, m.there))
			m.now += mcache.SweepPace
			held := func(c *mcache.Cache) bool { return c.RoomOf(noscan(64)) > 0 }
			require.True(t, held(m.here) && held(m.there))
			look.empty(m)
			require.True(t, held(m.here), "it has freed since")
			require.False(t, held(m.there), "it has done nothing")
		})
	}
}

// A parked cache is one that its owner has left for long.
func TestAParkedCacheFollowsItsOwner(t *testing.T) {
	procs(t, 1)
	m := newMoved(t)
	m.Park()
	m.mustAlloc(noscan(64), 64) // by the owner with the number 0, who has his cache again
	require.Same(t, m.here, m.At(0))
	m.Follow(m.here, m.there)
	m.free(some)
	require.True(t, m.look(mcache.LeftAfter, m.there))
}

// Goroutines hand their blocks on, and wait until they are given others: so caches lie idle, and change their owners again
// and again. Nothing is lost on the way.
func TestCachesChangeOwnersUnderLoad(t *testing.T) {
	const workers = 4
	procs(t, workers)
	r := newRig(t)
	var now atomic.Int64
	t.Cleanup(mcache.SetClock(func() time.Duration { return time.Duration(now.Add(int64(time.Millisecond))) }))
	places := func() (at [workers]*mcache.Cache) {
		for id := range at {
			at[id] = r.At(id)
		}
		return at
	}
	moved := false
	for round := 0; round < 200 && (round < 5 || !moved); round++ {
		before := places()
		live := r.handRound(workers, 30)
		for id, c := range places() {
			moved = moved || before[id] != mcache.Nobody() && c != before[id]
		}
		r.verify(live)
		for _, b := range live {
			r.mustFree(b)
		}
	}
	require.True(t, moved, "caches have changed owners")
	require.Zero(t, r.DoubleFrees())
	r.requireEmpty()
}

// handRound has workers free what they are given, and allocate what they give to the next, so many times. It returns what is
// live then.
func (r *rig) handRound(workers, turns int) (live []block) {
	var mu sync.Mutex
	hand := make([]chan []block, workers)
	for i := range hand {
		hand[i] = make(chan []block, 1)
	}
	onProcs(workers, func(g int) {
		for turn := range turns {
			var mine []block
			if turn > 0 {
				mine = <-hand[g]
			}
			for _, b := range mine {
				if !r.free(b) {
					r.t.Errorf("%+v is not live", b)
				}
			}
			mine = nil
			for i := range 600 {
				n := uintptr(16 << (i % 8))
				b, err := r.alloc(noscan(n), n)
				if err != nil {
					r.t.Error(err)
					break
				}
				mine = append(mine, b)
			}
			if turn%8 == 7 { // now and then there are some that nobody is given
				mu.Lock()
				live = append(live, mine...)
				mu.Unlock()
				mine = nil
			}
			hand[(g+1)%workers] <- mine
		}
		mu.Lock()
		live = append(live, <-hand[g]...)
		mu.Unlock()
	})
	return live
}
