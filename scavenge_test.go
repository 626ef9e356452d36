package spanheap

import (
	"bytes"
	"runtime"
	"slices"
	"testing"
	"time"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// scavenged is a heap and its scavenger on a clock that the test moves.
type scavenged struct {
	*Heap
	t         testing.TB
	scavenger *scavenger
	system    *arenatest.Faulty
	now       time.Duration
	rounds    int
	cost      time.Duration // of a call that releases memory
	worked    time.Duration // the cost of all calls
	longest   time.Duration // the most work of a round
}

// releases is a System whose Decommit takes time.
type releases struct {
	arena.System
	s *scavenged
}

func (r releases) Decommit(addr, size uintptr) error {
	r.s.now += r.s.cost
	r.s.worked += r.s.cost
	return r.System.Decommit(addr, size)
}

func newScavenged(t testing.TB, rule Scavenge) *scavenged {
	return newScavengedBy(t, Options{Scavenge: rule})
}

func newScavengedBy(t testing.TB, o Options) *scavenged {
	s := &scavenged{t: t, now: time.Hour}
	s.scavenger = newScavenger(func() time.Duration { return s.now })
	s.system = arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), 4096))
	h, err := newHeap(o, arena.NewSpace(releases{s.system, s}), arena.Metadata())
	require.NoError(t, err)
	h.pages.UseHollow(h.checks == nil) // in race builds too
	h.pages.UseTrade(o.Scavenge.atOnce())
	s.Heap = h
	s.scavenger.add(h)
	t.Cleanup(func() {
		s.system.Refuse(nil)
		require.NoError(t, h.Verify())
		s.scavenger.remove(h)
		require.NoError(t, h.Close())
	})
	return s
}

// pass lets time pass while nobody uses the heap.
func (s *scavenged) pass(d time.Duration) {
	for end := s.now + d; s.now < end; {
		wait := s.round()
		s.now += min(wait, max(end-s.now, 0))
	}
	s.round()
}

func (s *scavenged) round() (wait time.Duration) {
	worked := s.worked
	wait = s.scavenger.round(s.scavenger.heaps)
	s.rounds++
	s.longest = max(s.longest, s.worked-worked)
	return wait
}

// rests tells whether the scavenger waits without a timer.
func (s *scavenged) rests() bool { return s.round() == forever }

// backed is what of the heap might go back.
func (s *scavenged) backed() uint64 {
	stats := s.Stats()
	return stats.Backed - stats.Metadata - stats.Live
}

// take allocates blocks of many sizes, of so many bytes in all, and writes to them.
func (s *scavenged) take(bytes int) (blocks [][]byte) {
	for n := 16; bytes > 0; n = n*5/3%200_000 + 8 {
		b, err := s.AllocUninit(n)
		require.NoError(s.t, err)
		b[0], b[n-1] = 1, 1
		blocks = append(blocks, b)
		bytes -= n
	}
	return blocks
}

func (s *scavenged) free(blocks [][]byte) {
	for _, b := range blocks {
		s.Free(b)
	}
}

const mib = 1 << 20

func TestAnIdleHeapDecays(t *testing.T) {
	s := newScavenged(t, Scavenge{})
	require.True(t, s.rests(), "an empty heap has nothing to give")
	blocks := s.take(32 * mib)
	s.pass(time.Second)
	s.free(blocks)
	freed := s.backed()
	s.pass(0)
	require.Equal(t, freed, s.backed(), "nothing at once")
	s.pass(5 * time.Second)
	require.InDelta(t, freed/2, s.backed(), float64(freed)/5, "about half after half the time: caches come later")
	s.pass(5*time.Second + 200*time.Millisecond)
	require.Zero(t, s.backed(), "all after the time and a tick")
	require.True(t, s.rests())
	require.NoError(t, s.Verify())
}

// The heap rests when it has nothing more to give, though blocks live; what is freed then without a way to
// the page heap is seen all the same.
func TestAHeapThatRestsIsStirred(t *testing.T) {
	s := newScavenged(t, Decay(time.Second))
	blocks := s.take(mib)
	s.pass(2 * time.Second)
	require.True(t, s.rests())
	require.Zero(t, s.Stats().CachedSlots)
	rounds := s.rounds
	s.Free(blocks[3])
	require.False(t, s.rests())
	require.NotEmpty(t, s.scavenger.bell, "the goroutine is woken")
	s.pass(1100 * time.Millisecond)
	require.True(t, s.rests())
	require.Zero(t, s.Stats().CachedSlots)
	require.Less(t, s.rounds-rounds, 70, "a round every tick")
	s.free(append(blocks[:3], blocks[4:]...))
	s.pass(1100 * time.Millisecond)
	require.Zero(t, s.backed())
}

func TestNothingStaysWithoutTime(t *testing.T) {
	for _, rule := range []Scavenge{Decay(0), After(0)} {
		s := newScavenged(t, rule)
		s.free(s.take(8 * mib))
		s.pass(0)
		require.Zero(t, s.pages.Release(1<<30), "what could go has gone")
		s.pass(shortestIdle + shortestTick)
		require.Zero(t, s.backed(), "the caches too")
		require.True(t, s.rests())
	}
}

func TestNeverIsNever(t *testing.T) {
	for _, rule := range []Scavenge{Never(), Decay(-1), Goal(-time.Second), After(-5)} {
		s := newScavenged(t, rule)
		s.free(s.take(mib))
		freed := s.Stats()
		s.pass(1000 * time.Hour)
		require.Equal(t, freed, s.Stats())
		require.Empty(t, s.scavenger.heaps)
	}
}

func TestTheRuleOfFiveMinutes(t *testing.T) {
	s := newScavenged(t, After(5*time.Minute))
	s.free(s.take(8 * mib))
	freed := s.backed()
	s.pass(5*time.Minute - 6*time.Second)
	require.Equal(t, freed, s.backed())
	s.pass(12 * time.Second)
	require.Zero(t, s.backed())
}

func TestTheGoalIsTheRecentPeak(t *testing.T) {
	s := newScavenged(t, Goal(10*time.Second))
	blocks := s.take(40 * mib)
	s.pass(0)
	peak := s.pages.UsedBytes()
	for len(blocks) > 400 { // a sawtooth that falls
		s.free(blocks[len(blocks)-200:])
		blocks = blocks[:len(blocks)-200]
		s.pass(time.Second)
		require.LessOrEqual(t, s.pages.UsedBytes()+s.pages.FreeBytes(), peak+peak/10)
	}
	s.pass(21 * time.Second) // the caches are in use for one window
	require.True(t, s.rests())
	used, backed := s.pages.UsedBytes(), s.pages.UsedBytes()+s.pages.FreeBytes()
	require.LessOrEqual(t, backed, used+used/10+leastRelease)
	s.free(blocks)
	s.pass(21 * time.Second)
	require.Zero(t, s.backed())
}

// A program whose need swings: what it comes back to within the time stays, and what it does not costs no
// more calls than there are steps in the time.
func TestSwingsDoNotThrash(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or what caches hold depends on who runs where
	for _, c := range []struct {
		rule   Scavenge
		half   time.Duration // of a swing
		calls  int           // to the system in a swing, at most
		backed bool          // all the time
	}{
		{Decay(10 * time.Second), time.Second, 20, true},
		{Decay(10 * time.Second), time.Minute, 150, false},
		{Goal(10 * time.Second), time.Second, 2, true},
		{Goal(10 * time.Second), 4 * time.Second, 2, true},
		{After(10 * time.Second), 4 * time.Second, 8, true}, // spans that were hollow are freed
	} {
		s := newScavenged(t, c.rule)
		base := s.take(4 * mib)
		for swing := range 20 {
			before := s.system.Calls(arenatest.Decommit) + s.system.Calls(arenatest.Commit)
			blocks := s.take(24 * mib)
			s.pass(c.half)
			s.free(blocks)
			s.pass(c.half)
			calls := s.system.Calls(arenatest.Decommit) + s.system.Calls(arenatest.Commit) - before
			if swing >= 12 { // it has found its level
				require.LessOrEqual(t, calls, c.calls, "%+v, swing %d", c.rule, swing)
				require.Equal(t, c.backed, s.pages.FreeBytes() > 20*mib)
			}
		}
		s.free(base)
	}
}

// By Decay, what a large object takes is traded at once for as much that is free; by no other rule does memory go back before
// its time.
func TestMemoryIsTradedByDecayAlone(t *testing.T) {
	const n = 64 << 10
	for _, c := range []struct {
		rule  Scavenge
		trade bool
	}{
		{Scavenge{}, true},
		{Decay(time.Hour), true},
		{Decay(-1), false},
		{Goal(time.Hour), false},
		{After(time.Hour), false},
		{Never(), false},
	} {
		s := newScavenged(t, c.rule)
		var live [][]byte
		keep := func(n int) {
			b, err := s.AllocUninit(n)
			require.NoError(t, err)
			live = append(live, b)
		}
		for range 200 {
			keep(n)
		}
		for i := range 100 {
			s.Free(live[i+1])
			live = slices.Delete(live, i+1, i+2)
		}
		before := s.system.Calls(arenatest.Decommit)
		for range 20 {
			keep(2 * n)
		}
		require.Equal(t, c.trade, s.system.Calls(arenatest.Decommit) > before, "%+v", c.rule)
		s.free(live)
	}
}

// The scavenger's work is one part in a hundred of all CPUs' time, however much there is to do.
func TestWorkIsPaced(t *testing.T) {
	s := newScavenged(t, Decay(time.Second))
	s.cost = 3 * time.Millisecond
	s.free(s.take(64 * mib))
	s.pass(time.Second)
	begun, worked := s.now, s.worked
	for s.backed() > 0 {
		s.pass(10 * time.Millisecond)
		cpu := (s.now - begun) * time.Duration(runtime.GOMAXPROCS(0))
		require.LessOrEqual(t, s.worked-worked, cpu/100+s.longest)
	}
	require.GreaterOrEqual(t, s.worked, 5*s.longest, "in many rounds")
}

func TestAClockThatJumpsBack(t *testing.T) {
	s := newScavenged(t, After(10*time.Second))
	s.free(s.take(8 * mib))
	freed := s.backed()
	s.pass(6 * time.Second)
	s.now -= 30 * time.Minute
	s.pass(3 * time.Second)
	require.Equal(t, freed, s.backed(), "nine seconds have passed")
	s.pass(2 * time.Second)
	require.Zero(t, s.backed())
	s.now -= 10 * time.Minute
	require.True(t, s.rests())
}

// What the system refuses to take is offered again at the next tick, not sooner, and in an idle heap when
// somebody uses it again.
func TestRefusedReleasesDoNotSpin(t *testing.T) {
	s := newScavenged(t, Decay(time.Second))
	s.free(s.take(8 * mib))
	s.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	s.pass(10 * time.Second)
	require.Less(t, s.rounds, 600)
	require.NotZero(t, s.Stats().FreePages)
	require.True(t, s.rests())
	require.NoError(t, s.Verify())
	s.system.Refuse(nil)
	s.free(s.take(1))
	s.pass(time.Second + s.upkeep.tick())
	require.Zero(t, s.backed())
}

// A process that was stopped in the middle of a turn pays for no more of it than a pause for mostWork.
func TestTimeInWhichNothingRan(t *testing.T) {
	s := newScavenged(t, Decay(time.Second))
	s.free(s.take(32 * mib))
	s.round()
	s.now += time.Second
	s.cost = time.Hour
	s.round()
	require.NotZero(t, s.backed())
	s.cost = 0
	s.pass(mostWork*share + time.Second)
	require.Zero(t, s.backed())
}

// Above its soft limit a heap keeps nothing free, whatever its rule would leave.
func TestTheSoftLimitComesBeforeTheRule(t *testing.T) {
	for _, rule := range []Scavenge{Decay(time.Hour), Goal(time.Hour), After(time.Hour)} {
		const soft = 12 * mib
		s := newScavengedBy(t, Options{Scavenge: rule, SoftLimit: soft})
		var blocks [][]byte
		for range 32 {
			b, err := s.AllocUninit(mib)
			require.NoError(t, err)
			blocks = append(blocks, b)
		}
		s.free(blocks[8:])
		require.Greater(t, s.Backed(), uint64(soft))
		s.pass(3 * time.Second)
		require.LessOrEqual(t, s.Backed(), uint64(soft))
		require.Greater(t, s.Backed(), uint64(soft-mib), "below it the rule holds")
		s.free(blocks[:8])
		s.pass(3 * time.Hour)
		require.Zero(t, s.backed())
		require.True(t, s.rests())
	}
}

// Many heaps under one scavenger, each by its own rule.
func TestEachHeapHasItsRule(t *testing.T) {
	slow, fast := newScavenged(t, After(time.Hour)), newScavenged(t, After(time.Second))
	fast.scavenger.remove(fast.Heap)
	slow.scavenger.add(fast.Heap)
	slow.free(slow.take(mib))
	fast.free(fast.take(mib))
	slow.pass(2 * time.Second)
	require.Zero(t, fast.backed())
	require.NotZero(t, slow.backed())
	slow.pass(2 * time.Hour)
	require.Zero(t, slow.backed())
	slow.scavenger.remove(fast.Heap)
	fast.scavenger.add(fast.Heap)
}

// Blocks that live keep what they hold through all that the scavenger does.
func TestScavengingLeavesBlocksAlone(t *testing.T) {
	s := newScavenged(t, Decay(100*time.Millisecond))
	blocks := s.take(8 * mib)
	for i, b := range blocks {
		fillWith(b, byte(i))
	}
	for i := range blocks {
		if i%3 > 0 {
			s.Free(blocks[i])
			blocks[i] = nil
		}
		if i%500 == 0 {
			s.pass(time.Second)
			require.NoError(t, s.Verify())
		}
	}
	s.pass(time.Second)
	for i, b := range blocks {
		require.Equal(t, len(b), bytes.Count(b, []byte{byte(i)}), "block %d", i)
	}
	s.free(blocks)
}

// What the scavenger works is known, and is within its share.
func TestScavengeTime(t *testing.T) {
	h, err := NewHeap(Options{Scavenge: Decay(0)})
	require.NoError(t, err)
	start, before := time.Now(), ScavengeTime()
	for ScavengeTime() == before {
		b, err := h.Alloc(1 << 20)
		require.NoError(t, err)
		h.Free(b)
		runtime.Gosched()
	}
	worked := ScavengeTime() - before
	require.Positive(t, worked)
	require.Less(t, worked, time.Since(start))
	require.NoError(t, h.Close())
}
