//go:build !wasm

package mcache_test

import (
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// newGuests is newMoved on the only P there is by now, that with the number 0.
func newGuests(t *testing.T) *moved {
	procs(t, 2)
	m := newMoved(t)
	procs(t, 1)
	return m
}

// A goroutine comes from one P to another: which cache it finds there. The state is who came to which P's cache before, in turn,
// and how often.
func TestACacheComesWithItsGuest(t *testing.T) {
	const (
		he     = 1 << 20
		deeper = he - mcache.StackReach + 1 // he, further down his stack
		other  = he + mcache.StackReach + 1
		alone  = mcache.AloneTimes + 1
	)
	type came struct {
		to    int // the number of the P
		stack uintptr
		times int
	}
	for name, c := range map[string]struct {
		before []came
		after  time.Duration  // from then until he comes to P 0
		when   func(m *moved) // he has been seen there
		comes  bool
	}{
		"alone elsewhere":                  {[]came{{1, he, alone}}, 0, nil, true},
		"seen deeper in his stack":         {[]came{{1, deeper, alone}}, 0, nil, true},
		"not often enough":                 {[]came{{1, he, alone - 1}}, 0, nil, false},
		"from nowhere":                     {[]came{{1, other, alone}}, 0, nil, false},
		"others came there since":          {[]came{{1, he, alone}, {1, other, 1}}, 0, nil, false},
		"others come there in turn":        {[]came{{1, he, alone}, {1, other, 1}, {1, he, 1}}, 0, nil, false},
		"not before long":                  {[]came{{1, he, alone}, {1, other, 1}, {1, he, alone}}, 0, nil, true},
		"he is known here":                 {[]came{{0, he, 1}, {1, he, alone}}, 0, nil, false},
		"blocks are allocated there":       {[]came{{1, he, alone}}, 0, func(m *moved) { m.by(m.there, 64) }, false},
		"blocks are freed there":           {[]came{{1, he, alone}}, 0, func(m *moved) { m.freeBy(m.there, m.live[0]) }, false},
		"too early":                        {[]came{{1, he, alone}}, 0, func(m *moved) { m.now-- }, false},
		"another came here from nowhere":   {[]came{{1, he, alone}, {0, other, 1}}, mcache.NewcomersPause - mcache.GoneAfter - 1, nil, false},
		"another came here a while before": {[]came{{1, he, alone}, {0, other, 1}}, mcache.NewcomersPause, nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newGuests(t)
			caches := [2]*mcache.Cache{m.here, m.there}
			for _, b := range c.before {
				for range b.times {
					m.Come(caches[b.to], b.stack)
				}
			}
			m.now += c.after
			m.Come(m.here, he)
			require.True(t, m.At(0) == m.here && m.At(1) == m.there, "not before that cache has been idle")
			if c.when != nil {
				c.when(m)
			}
			m.now += mcache.GoneAfter
			m.Come(m.here, he)
			if !c.comes {
				require.True(t, m.At(0) == m.here && m.At(1) == m.there)
				return
			}
			require.True(t, m.At(0) == m.there && m.At(1) == m.here)
			m.Come(m.there, he)
			require.True(t, m.At(0) == m.there, "it stays")
		})
	}
}

// The world is stopped for a part of the time; who came too soon has his cache later.
func TestAGuestWhoCameTooSoonHasHisCacheLater(t *testing.T) {
	const he, she = 1 << 20, 1 << 21
	m := newGuests(t)
	for range mcache.AloneTimes + 1 {
		m.Come(m.here, she)
		m.Come(m.there, he)
	}
	m.now += mcache.NewcomersPause
	m.Come(m.here, he)
	m.now += mcache.GoneAfter
	m.stop = 2 * time.Microsecond // for a look at the clock, of which the change makes two
	m.Come(m.here, he)
	m.stop = 0
	require.True(t, m.At(0) == m.there)
	stay := m.now + mcache.StopShare*2*time.Microsecond

	for range mcache.AloneTimes {
		m.Come(m.here, she)
	}
	m.Come(m.there, she)
	for _, now := range []time.Duration{m.now + mcache.GoneAfter, stay - 1} {
		m.now = now
		m.Come(m.there, she)
		require.True(t, m.At(0) == m.there)
	}
	m.now = stay
	m.Come(m.there, she)
	require.True(t, m.At(0) == m.here)
}

// Two goroutines whose stacks lie side by side are taken for one, but not while both work.
func TestNeighboursKeepTheirCaches(t *testing.T) {
	const he, neighbour, other = 1 << 20, 1<<20 + mcache.StackReach/2, 1 << 21
	m := newGuests(t)
	for range 20 {
		for range mcache.AloneTimes + 1 {
			m.Come(m.there, he)
			m.by(m.there, 64)
		}
		m.Come(m.here, other)
		for range 5 {
			m.now += mcache.NewcomersPause
			m.Come(m.here, neighbour)
			m.by(m.there, 64)
		}
		require.True(t, m.At(0) == m.here && m.At(1) == m.there)
	}
}

// Who finds no cache himself is brought none, and nobody one that others have emptied since.
func TestGuestsOfParkedCaches(t *testing.T) {
	const he = 1 << 20
	m := newGuests(t)
	for range mcache.AloneTimes + 1 {
		m.Come(m.there, he)
	}
	m.Come(m.here, he)
	m.Park()
	m.now += mcache.GoneAfter
	m.Come(m.here, he)
	require.True(t, m.At(0) == mcache.Nobody() && m.At(1) == mcache.Nobody())
	m.mustAlloc(noscan(64), 64) // by the owner with the number 0, who has his cache again
	for range 3 {
		m.now += mcache.NewcomersPause
		m.Come(m.here, he)
		require.True(t, m.At(0) == m.here && m.At(1) == mcache.Nobody())
	}
}

// Nobody is brought a cache of a set that is closed.
func TestNobodyIsWelcomeAfterTheEnd(t *testing.T) {
	m := newGuests(t)
	for range mcache.AloneTimes + 1 {
		m.Come(m.there, 1<<20)
	}
	m.Close()
	m.Come(m.here, 1<<20)
	require.True(t, m.At(0) == mcache.Nobody())
}
