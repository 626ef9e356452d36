package mcache_test

import (
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

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
		after  time.Duration // from then until he comes to P 0
		comes  bool
	}{
		"alone elsewhere":                  {[]came{{1, he, alone}}, 0, true},
		"seen deeper in his stack":         {[]came{{1, deeper, alone}}, 0, true},
		"not often enough":                 {[]came{{1, he, alone - 1}}, 0, false},
		"from nowhere":                     {[]came{{1, other, alone}}, 0, false},
		"others came there since":          {[]came{{1, he, alone}, {1, other, 1}}, 0, false},
		"others come there in turn":        {[]came{{1, he, alone}, {1, other, 1}, {1, he, 1}}, 0, false},
		"not before long":                  {[]came{{1, he, alone}, {1, other, 1}, {1, he, alone}}, 0, true},
		"he is known here":                 {[]came{{0, he, 1}, {1, he, alone}}, 0, false},
		"another came here from nowhere":   {[]came{{1, he, alone}, {0, other, 1}}, mcache.NewcomersPause - 1, false},
		"another came here a while before": {[]came{{1, he, alone}, {0, other, 1}}, mcache.NewcomersPause, true},
	} {
		t.Run(name, func(t *testing.T) {
			m := newMoved(t)
			caches := [2]*mcache.Cache{m.here, m.there}
			for _, b := range c.before {
				for range b.times {
					m.Come(caches[b.to], b.stack)
				}
			}
			m.now += c.after
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
	const he = 1 << 20
	m := newMoved(t)
	for range mcache.AloneTimes + 1 {
		m.Come(m.there, he)
	}
	m.stop = 2 * time.Microsecond // for a look at the clock, of which the change makes two
	m.Come(m.here, he)
	m.stop = 0
	require.True(t, m.At(0) == m.there)
	stay := m.now + mcache.StopShare*2*time.Microsecond
	m.now = stay - 1
	m.Come(m.here, he)
	require.True(t, m.At(0) == m.there)
	m.now = stay
	m.Come(m.here, he)
	require.True(t, m.At(0) == m.here)
}

// A cache that its owner does not find, since others have emptied it, comes too: its blocks are still its own. Who finds none
// himself gets one first.
func TestAGuestOfAParkedCache(t *testing.T) {
	const he = 1 << 20
	procs(t, 1)
	m := newMoved(t)
	for range mcache.AloneTimes + 1 {
		m.Come(m.there, he)
	}
	m.Park()
	m.Come(m.here, he)
	require.True(t, m.At(0) == mcache.Nobody() && m.At(1) == mcache.Nobody())
	m.mustAlloc(noscan(64), 64) // by the owner with the number 0, who has his cache again
	m.now += mcache.NewcomersPause
	m.Come(m.here, he)
	require.True(t, m.At(0) == m.there)
	require.True(t, m.At(1) == m.here)
}

// Nobody is brought a cache of a set that is closed.
func TestNobodyIsWelcomeAfterTheEnd(t *testing.T) {
	m := newMoved(t)
	for range mcache.AloneTimes + 1 {
		m.Come(m.there, 1<<20)
	}
	m.Close()
	m.Come(m.here, 1<<20)
	require.True(t, m.At(0) == mcache.Nobody())
}
