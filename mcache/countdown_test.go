package mcache_test

import (
	"math"
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// sampledPair allocates a block, by the fast path or the slow one, and frees it. It returns the rate with
// which the block was to be sampled, or 0.
func (r *rig) sampledPair(class mheap.SpanClass, n uintptr) (rate uintptr) {
	b := block{n: n, class: class}
	c := r.Enter(mcache.Pin())
	switch {
	case !class.Large():
		b.addr = c.Pop(class, n)
	case class == mheap.LargeNoscan && n <= mcache.MaxCachedLarge:
		b.addr = c.PopLarge(n)
	}
	r.Leave(c)
	var err error
	switch {
	case b.addr != 0:
	case !class.Large():
		b.addr, rate, err = r.Alloc(nil, class, n)
	default:
		var span *mheap.Span
		if span, _, rate, err = r.AllocLarge(class, n, 0); err == nil {
			b.addr = span.Base()
		}
	}
	if err != nil {
		r.t.Error(err)
		return 0
	}
	if e := mheap.EntryOf(b.addr); e.Class() != b.class || !r.free(b) {
		r.t.Errorf("the block %+v has the class %d, or is not live", b, e.Class())
	}
	return rate
}

func TestGapsAreExponentiallyDistributed(t *testing.T) {
	const rate, count = 512 << 10, 1_000_000
	sum, longer := 0.0, 0
	for range count {
		gap := mcache.Gap(rate)
		sum += float64(gap)
		if gap > rate {
			longer++
		}
	}
	require.InEpsilon(t, rate, sum/count, 0.01)
	require.InEpsilon(t, 1/math.E, float64(longer)/count, 0.01)
	require.Zero(t, mcache.Gap(1), "every block")
	for range 1000 {
		require.LessOrEqual(t, mcache.Gap(math.MaxInt), mcache.Gap(0), "sums of gaps fit")
	}
	require.Less(t, 2*mcache.Gap(0), ^uintptr(0)>>1, "never, and sums of it fit")
}

// A block of n bytes is sampled with the probability 1-exp(-n/rate): the shares lie within six standard
// deviations of it, which they do not once in 500 million runs. With no memory for caches it is the same.
func TestBlocksAreSampledByTheirSize(t *testing.T) {
	for _, refused := range []bool{false, true} {
		r := newRig(t)
		if refused {
			r.exhaustMetadata(mcache.CacheSize / 2)
		}
		for _, c := range []struct {
			class   mheap.SpanClass
			n, rate uintptr
		}{
			{mheap.Tiny, 1, 20}, {mheap.Tiny, 4, 20}, {noscan(7), 7, 20}, {noscan(64), 50, 1000}, {mheap.ClassOf(20, false), 300, 1000},
			{noscan(4000), 4000, 4000}, {mheap.LargeNoscan, 40_000, 200_000}, {mheap.LargeScan, 40_000, 40_000},
			{mheap.LargeNoscan, 3 << 20, 4 << 20}, {mheap.LargeScan, 3 << 19, 4 << 20},
		} {
			r.SetSampleRate(c.rate, false)
			const count = 6000
			sampled := 0
			for range count {
				switch got := r.sampledPair(c.class, c.n); got {
				case c.rate:
					sampled++
				case 0:
				default:
					require.FailNow(t, "sampled with another rate", got)
				}
			}
			p := -math.Expm1(-float64(c.n) / float64(c.rate))
			require.InDelta(t, count*p, sampled, 6*math.Sqrt(count*p*(1-p)), "%d bytes", c.n)
		}
		require.Equal(t, refused, len(r.Hoards()) == 0)
		r.metadata.Refuse(nil)
		r.requireEmpty()
	}
}

// With the rate 1 every block is sampled and with 0 none, on whatever owner the caller finds itself.
func TestSamplingOfEveryBlockAndOfNone(t *testing.T) {
	procs(t, 4)
	r := newRig(t)
	for _, rate := range []uintptr{0, 1, 0, 1} {
		r.SetSampleRate(rate, false)
		var wrong atomic.Int64
		onProcs(6, func(g int) {
			random := rand.New(rand.NewPCG(uint64(g), 9))
			for range 500 {
				if r.sampledPair(draw(random)) != rate {
					wrong.Add(1)
				}
			}
		})
		require.Zero(t, wrong.Load(), "rate %d", rate)
	}
	r.requireEmpty()
}

// A leased cache that hands out no more than others obeys another rate before it has handed out another interval of bytes.
func TestLeasedCachesLearnTheRate(t *testing.T) {
	r := newRig(t)
	own, err := r.Lease()
	require.NoError(t, err)
	class := noscan(1024)
	var live []block
	sampled := func() bool {
		addr, rate := own.Pop(class, 1024), uintptr(0)
		if addr == 0 {
			addr, rate, err = r.Alloc(own, class, 1024)
			require.NoError(t, err)
		}
		live = append(live, block{addr, 1024, class})
		return rate != 0
	}
	require.False(t, sampled())
	r.SetSampleRate(1, false)
	first := 0
	for !sampled() {
		first++
		require.LessOrEqual(t, first, mcache.Interval/1024)
	}
	for range 100 {
		require.True(t, sampled())
	}
	r.Return(own)
	for _, b := range live {
		r.mustFree(b)
	}
	r.requireEmpty()
}

// So does one that was nobody's when the rate changed, at once.
func TestACacheThatIsLeasedAnewKnowsTheRate(t *testing.T) {
	r := newRig(t)
	own := r.leased()
	r.freeLeased(own, r.by(own, 1024))
	r.Return(own)
	r.SetSampleRate(1, false)
	require.Same(t, own, r.leased())
	require.Zero(t, own.Pop(noscan(1024), 1024))
	_, rate, err := r.Alloc(own, noscan(1024), 1024)
	require.NoError(t, err)
	require.EqualValues(t, 1, rate)
}

// A paced rate takes no more samples than one in a pace from who allocates fast, and as many as any other from who does
// not, soon after he was fast. What the samples weigh is true of both.
func TestAPacedRateGivesWayToTheFast(t *testing.T) {
	now, step := time.Duration(0), time.Duration(0)
	t.Cleanup(mcache.SetClock(func() time.Duration { return now }))
	procs(t, 1)
	r := newRig(t)
	const n, rate = 32 << 10, 512 << 10
	r.SetSampleRate(rate, true)
	// pairs allocates blocks, each after a step of time. It returns how many were sampled, and what they weigh.
	pairs := func(count int) (samples int, weigh float64) {
		for range count {
			now += step
			if by := r.sampledPair(noscan(n), n); by != 0 {
				samples++
				weigh += -1 / math.Expm1(-float64(n)/float64(by))
			}
		}
		return samples, weigh
	}
	const fast, slow = 2_000_000, 100_000
	step = 20
	pairs(10_000) // a pace of 50 µs is 2500 blocks
	samples, weigh := pairs(fast)
	expected := float64(fast*step) / float64(mcache.Pace)
	require.InDelta(t, expected, samples, 6*math.Sqrt(expected))
	require.InEpsilon(t, fast, weigh, 6/math.Sqrt(expected))

	step = time.Millisecond
	pairs(3000) // it is noticed when 64 MiB are handed out
	samples, weigh = pairs(slow)
	expected = slow * -math.Expm1(-float64(n)/rate)
	require.InDelta(t, expected, samples, 6*math.Sqrt(expected))
	require.InEpsilon(t, slow, weigh, 6/math.Sqrt(expected))
}

// Who hands out an interval of bytes in less than a part of a pace has its ticks further apart, up to a bound, until he is
// slow again.
func TestTheFastHaveTheirTicksFurtherApart(t *testing.T) {
	now := time.Duration(0)
	t.Cleanup(mcache.SetClock(func() time.Duration { return now }))
	procs(t, 1)
	r := newRig(t)
	const n, count = 32 << 10, 100_000
	for _, c := range []struct {
		step     time.Duration // from one block to the next
		distance int           // bytes
	}{
		{time.Microsecond, mcache.Interval},
		{64 * time.Nanosecond, mcache.Interval},
		{10 * time.Nanosecond, int(mcache.Pace/10/mcache.TicksInPace) * n},
		{1, mcache.LongestInterval},
		{time.Microsecond, mcache.Interval},
	} {
		pairs := func() {
			for range count {
				now += c.step
				r.sampledPair(noscan(n), n)
			}
		}
		pairs() // it is noticed
		before := r.Ticks()
		pairs()
		ticks := float64(count) / (float64(c.distance) / n)
		require.InDelta(t, ticks, r.Ticks()-before, ticks/20+1, "each %v", c.step)
	}
}

// A clock of coarse steps makes nobody fast or slow.
func TestACoarseClockPacesTheSame(t *testing.T) {
	now := time.Duration(0)
	const coarse = 16 * time.Millisecond
	t.Cleanup(mcache.SetClock(func() time.Duration { return now / coarse * coarse }))
	procs(t, 1)
	r := newRig(t)
	r.SetSampleRate(512<<10, true)
	const n, step, count = 32 << 10, 80, 1_000_000
	samples := 0
	for i := range 2 * count {
		now += step
		if r.sampledPair(noscan(n), n) != 0 && i >= count {
			samples++
		}
	}
	expected := float64(count*step) / float64(mcache.Pace)
	require.InDelta(t, expected, samples, 6*math.Sqrt(expected))
}

// Ticks count what is handed out of all classes together.
func TestTicksCountAllClasses(t *testing.T) {
	t.Cleanup(mcache.SetClock(func() time.Duration { return 0 }))
	procs(t, 1)
	for _, rate := range []uintptr{0, 64 << 10} {
		r := newRig(t)
		r.SetSampleRate(rate, false)
		handOut := func(bytes uintptr) {
			for out := uintptr(0); out < bytes; {
				for n := uintptr(16); n <= 8192; n *= 2 {
					r.sampledPair(noscan(n), n)
					out += n
				}
			}
		}
		const ticks = 50
		handOut(12 * mcache.Interval) // until every class has ended a stretch or two
		before := r.Ticks()
		handOut(ticks * mcache.Interval)
		require.InDelta(t, ticks, r.Ticks()-before, ticks/10)
	}
}

// Who reads the counts of a cache at work reads none twice, and misses none, whenever its stretches end.
func TestCountsAreReadWhole(t *testing.T) {
	r := newRig(t)
	r.SetSampleRate(1000, false)
	class, own := noscan(64), r.leased()
	var done atomic.Bool
	allocated := make(chan uint64)
	go func() {
		var n uint64
		for ; !done.Load(); n++ {
			r.freeBy(own, r.by(own, 64))
			if n%4096 == 0 {
				runtime.Gosched() // where nobody else makes way for who reads
			}
		}
		allocated <- n
	}()
	var last uint64
	reads := 300_000
	if testing.Short() {
		reads = 10_000
	}
	for range reads {
		got := r.Usage(class).Mallocs
		require.GreaterOrEqual(t, got, last)
		last = got
	}
	done.Store(true)
	n := <-allocated
	require.LessOrEqual(t, last, n)
	require.Equal(t, n, r.Usage(class).Mallocs)
	r.verify(nil)
}
