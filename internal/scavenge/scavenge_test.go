package scavenge_test

import (
	"math/rand/v2"
	"testing"
	"time"

	"github.com/spanheap/spanheap/internal/scavenge"
	"github.com/stretchr/testify/require"
)

const (
	second = time.Second
	mib    = 1 << 20
)

// heap is a heap of a policy's: numbers that the test changes, and that fall by what the policy says.
type heap struct {
	scavenge.Policy
	scavenge.Usage
	settled bool
}

// look gives back what the policy says, and returns what is free then.
func (h *heap) look(now time.Duration) uint64 {
	excess, settled := h.Look(now, h.Usage)
	h.Free -= excess
	h.settled = settled
	h.Gave(excess)
	return h.Free
}

func TestDecayAtItsTimes(t *testing.T) {
	for _, looks := range []int{1, 2, 7, 50, 1000} { // per second
		h := heap{Policy: scavenge.NewDecay(10 * second)}
		h.look(0)
		h.Free = 100 * mib
		now := 3 * second
		require.EqualValues(t, 100*mib, h.look(now), "nothing at once")
		before := h.Free
		for i := 1; i <= 10*looks; i++ {
			age := time.Duration(i) * second / time.Duration(looks)
			left := h.look(now + age)
			require.LessOrEqual(t, left, before, "monotone")
			before = left
			switch age {
			case 5 * second / 2:
				require.InDelta(t, 84.375*mib, float64(left), 2)
			case 5 * second:
				require.InDelta(t, 50*mib, float64(left), 2, "half after half the time")
			case 9 * second:
				require.NotZero(t, left)
				require.False(t, h.settled)
			case 10 * second:
				require.Zero(t, left, "all after all of it")
				require.True(t, h.settled)
			}
		}
	}
}

func TestIdleGoesAtOnceAndNotBefore(t *testing.T) {
	h := heap{Policy: scavenge.NewIdle(5 * time.Minute)}
	h.Free = 10 * mib
	h.look(0)
	h.Free += 5 * mib
	h.look(time.Minute)
	require.EqualValues(t, 15*mib, h.look(5*time.Minute-1))
	require.EqualValues(t, 5*mib, h.look(5*time.Minute))
	require.EqualValues(t, 5*mib, h.look(6*time.Minute-1))
	require.Zero(t, h.look(6*time.Minute))
}

func TestNoTimeMeansAtOnce(t *testing.T) {
	for _, p := range []scavenge.Policy{scavenge.NewDecay(0), scavenge.NewIdle(0)} {
		h := heap{Policy: p}
		h.Free = mib
		require.Zero(t, h.look(0))
		h.Free = mib
		require.Zero(t, h.look(0))
		require.True(t, h.settled)
	}
}

// What is used again is what was freed last: the rest goes in its own time.
func TestReusedBytesWereFreedLast(t *testing.T) {
	h := heap{Policy: scavenge.NewIdle(10 * second)}
	h.Free = 8 * mib
	h.look(0)
	for s := second; s < 10*second; s += second {
		h.Free += 3 * mib
		require.EqualValues(t, 11*mib, h.look(s))
		h.Free -= 3 * mib
		require.EqualValues(t, 8*mib, h.look(s+second/2))
	}
	h.Free += 3 * mib
	require.EqualValues(t, 3*mib, h.look(10*second), "nobody came back to these")
}

func TestWhatIsKnownToBeIdleGoes(t *testing.T) {
	h := heap{Policy: scavenge.NewDecay(10 * second)}
	h.Free = mib
	h.look(0)
	h.Free += mib // out of caches that nobody has used
	h.Idle = true
	require.Zero(t, h.look(second))
}

// Refused bytes stay due.
func TestWhatWasNotGivenStaysDue(t *testing.T) {
	p := scavenge.NewDecay(10 * second)
	p.Look(0, scavenge.Usage{Free: mib})
	for range 3 {
		excess, settled := p.Look(10*second, scavenge.Usage{Free: mib})
		require.EqualValues(t, mib, excess)
		require.True(t, settled)
	}
	p.Gave(mib / 2)
	excess, _ := p.Look(10*second, scavenge.Usage{Free: mib / 2})
	require.EqualValues(t, mib/2, excess)
}

// Whatever a program does, at each look no byte goes before its time, and none stays beyond: what stays is
// at most what was freed within the time, at least what a step of the time would leave.
func TestRandomLives(t *testing.T) {
	const over = 100 * time.Millisecond
	for seed := range uint64(50) {
		r := rand.New(rand.NewPCG(seed, 1))
		smooth, step := heap{Policy: scavenge.NewDecay(over)}, heap{Policy: scavenge.NewIdle(over)}
		type freed struct {
			at    time.Duration
			bytes uint64
		}
		var recent []freed
		now := time.Duration(0)
		for range 2000 {
			now += time.Duration(r.IntN(int(over / 20)))
			n := uint64(r.IntN(mib))
			if r.IntN(2) == 0 {
				recent = append(recent, freed{now, n})
				smooth.Free += n
				step.Free += n
			} else {
				smooth.Free -= min(n, smooth.Free)
				step.Free -= min(n, step.Free)
			}
			sum := uint64(0)
			for _, f := range recent {
				if now-f.at < over+over/100 { // epochs are a little coarse
					sum += f.bytes
				}
			}
			before := smooth.Free
			left := smooth.look(now)
			require.LessOrEqual(t, left, before)
			require.LessOrEqual(t, left, sum)
			require.LessOrEqual(t, step.look(now), sum)
		}
		require.Zero(t, smooth.look(now+over))
		require.Zero(t, step.look(now+over))
	}
}

func TestGoal(t *testing.T) {
	h := heap{Policy: scavenge.NewGoal(10 * second)}
	h.InUse = 100 * mib
	h.look(0)
	require.True(t, h.settled)
	h.InUse, h.Free = 20*mib, 80*mib
	require.EqualValues(t, 80*mib, h.look(second), "the peak is recent")
	require.False(t, h.settled)
	h.InUse, h.Free = 60*mib, 60*mib
	require.EqualValues(t, 50*mib, h.look(2*second), "a tenth beyond it")
	h.InUse, h.Free = 10*mib, 100*mib
	require.EqualValues(t, 100*mib, h.look(10*second-1))
	require.EqualValues(t, 56*mib, h.look(10*second), "the next highest is 60 MiB")
	require.EqualValues(t, 56*mib, h.look(12*second-1))
	require.EqualValues(t, mib, h.look(12*second))
	require.True(t, h.settled)
}

func TestGoalSeesPeaksBetweenLooks(t *testing.T) {
	h := heap{Policy: scavenge.NewGoal(10 * second)}
	h.Peak, h.Free = 50*mib, 50*mib
	require.EqualValues(t, 50*mib, h.look(0))
	h.Peak = 0
	require.EqualValues(t, 50*mib, h.look(10*second-1))
	require.Zero(t, h.look(10*second))
}

// A clock that is set back stands still until it goes on.
func TestClock(t *testing.T) {
	read := time.Hour
	c := scavenge.Clock{Read: func() time.Duration { return read }}
	for _, step := range []struct{ to, want time.Duration }{
		{time.Hour, 0},
		{time.Hour + second, second},
		{time.Minute, second},
		{time.Minute, second},
		{time.Minute + 2*second, 3 * second},
		{-time.Hour, 3 * second},
		{0, time.Hour + 3*second},
	} {
		read = step.to
		require.Equal(t, step.want, c.Now())
	}
}
