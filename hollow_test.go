package spanheap

import (
	"bytes"
	"math/rand/v2"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/stretchr/testify/require"
)

// sparse is a heap most of whose blocks have been freed, so that nearly every span has a live one. Where the
// system's pages are too long for its spans to be hollow, they must never be.
type sparse struct {
	*Heap
	t      *testing.T
	system *arenatest.Faulty
	live   map[int][]byte
	can    bool
}

func newSparse(t *testing.T, o Options, blocks int) *sparse {
	s := &sparse{t: t, live: map[int][]byte{}}
	s.system = arenatest.NewFaulty(arenatest.NewFakeOver(t, arena.Host(), 4096))
	o.Scavenge = Never()
	h, err := newHeap(o, arena.NewSpace(s.system), arena.Metadata())
	require.NoError(t, err)
	h.pages.UseHollow(h.checks == nil) // in race builds too
	s.Heap, s.can = h, h.pages.CanHollow()
	t.Cleanup(func() {
		s.system.Refuse(nil)
		s.intact()
		for _, b := range s.live {
			h.Free(b)
		}
		h.Release(1 << 30)
		s.verify()
		stats := h.Stats()
		require.Equal(t, stats.Metadata, stats.Backed, "all went back")
		require.NoError(t, h.Close())
	})
	s.grow(blocks)
	s.thin(20)
	return s
}

// grow allocates so many more blocks, of many sizes.
func (s *sparse) grow(blocks int) {
	for i := range blocks {
		b, err := s.AllocUninit(16 << (i % 8))
		require.NoError(s.t, err)
		for s.live[i] != nil {
			i += blocks
		}
		s.live[i] = fillWith(b, byte(i))
	}
}

// thin frees all blocks but one in so many of each size.
func (s *sparse) thin(keep int) {
	for i, b := range s.live {
		if i/8%keep != 0 {
			s.Free(b)
			delete(s.live, i)
		}
	}
}

// intact checks that live blocks hold what was written to them.
func (s *sparse) intact() {
	s.t.Helper()
	for i, b := range s.live {
		require.Equal(s.t, len(b), bytes.Count(b, []byte{byte(i)}), "block %d", i)
	}
}

func (s *sparse) verify() {
	s.t.Helper()
	require.NoError(s.t, s.Verify())
	stats := s.Stats()
	require.Equal(s.t, stats.Backed, s.Backed())
	sum := uint64(0)
	for _, c := range stats.Classes {
		require.Equal(s.t, c.SpanBytes, c.Live+c.Rounding+c.SpanTail+c.CachedSlots+c.CentralSlots+c.Hollow)
		sum += c.Hollow
	}
	require.Equal(s.t, stats.Released, sum+s.pages.Usage().Released)
}

// hollowBytes is what spans in use have given back.
func hollowBytes(h *Heap) (sum uint64) {
	for _, c := range h.Stats().Classes {
		sum += c.Hollow
	}
	return sum
}

// What lies between live blocks goes when all else has gone, and is there again when it is needed.
func TestReleaseGoesBetweenLiveBlocks(t *testing.T) {
	s := newSparse(t, Options{}, 40_000)
	s.caches.Drain()
	s.pages.Release(1 << 30)
	before := s.Stats() // free pages that make up no page of the system may be left
	require.Greater(t, before.CentralSlots, before.Backed/2)

	if first := s.Release(100_000); s.can {
		require.GreaterOrEqual(t, first, 100_000)
		require.Less(t, first, 100_000+128<<10, "no more than the last span has")
	}
	s.verify()
	s.intact()
	s.Release(1 << 30)
	after := s.Stats()
	require.Equal(t, s.can, after.Backed < before.Backed/2, "%d are backed of %d", after.Backed, before.Backed)
	require.Equal(t, before.Backed-after.Backed, after.Released-before.Released)
	require.Equal(t, before.Backed-after.Backed, hollowBytes(s.Heap))
	require.Zero(t, s.Release(1<<30))
	s.verify()
	s.intact()

	s.grow(40_000)
	require.Less(t, hollowBytes(s.Heap), (before.Backed-after.Backed)/4+1, "they fill the spans there are")
	require.Less(t, s.Stats().SpanTail+s.Stats().CentralSlots, before.CentralSlots/2)
	s.verify()
	s.intact()
}

func TestAHeapWithHugePagesIsNotHollow(t *testing.T) {
	s := newSparse(t, Options{HugePages: HugePagesOn}, 10_000)
	s.Release(1 << 30)
	require.Zero(t, hollowBytes(s.Heap))
}

// Whatever the system refuses to take stays, counted as backed, and may go later.
func TestRefusedHollowing(t *testing.T) {
	s := newSparse(t, Options{}, 10_000)
	s.caches.Drain()
	s.pages.Release(1 << 30)
	before := s.Backed()
	s.system.Refuse(func(c arenatest.Call) bool { return c.Verb == arenatest.Decommit && c.K%2 == 0 })
	for range 3 {
		released := s.Release(1 << 30)
		require.EqualValues(t, released, before-s.Backed())
		require.Equal(t, s.can, released > 0)
		before = s.Backed()
		s.verify()
		s.intact()
	}
	s.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	s.thin(60)
	s.caches.Drain()
	require.Zero(t, s.Release(1<<30))
	s.verify()
	s.grow(3000)
	s.verify()
}

// At the limit, blocks of one size have the room that those of others left; when there is none the error is
// the limit's, and what is freed can be had again.
func TestTheLimitReachesIntoSpans(t *testing.T) {
	s := newSparse(t, Options{}, 40_000)
	s.caches.Drain()
	s.pages.Release(1 << 30)
	limit := s.Backed()
	s.SetLimit(int64(limit))
	for range 2 {
		var large [][]byte
		for {
			b, err := s.AllocUninit(100_000)
			if err != nil {
				require.ErrorIs(t, err, ErrLimit)
				break
			}
			large = append(large, fillWith(b, 7))
		}
		require.LessOrEqual(t, s.Backed(), limit)
		require.Equal(t, s.can, uint64(len(large))*100_000 > limit/3, "%d blocks within %d", len(large), limit)
		s.verify()
		s.intact()
		var small [][]byte
		for {
			b, err := s.AllocUninit(2048)
			if err != nil {
				require.ErrorIs(t, err, ErrLimit)
				break
			}
			small = append(small, fillWith(b, 8))
		}
		require.LessOrEqual(t, s.Backed(), limit)
		s.verify()
		s.intact()
		for _, b := range large {
			require.Equal(t, len(b), bytes.Count(b, []byte{7}))
			s.Free(b)
		}
		for _, b := range small {
			require.Equal(t, len(b), bytes.Count(b, []byte{8}))
			s.Free(b)
		}
		for i := range 8 {
			b, err := s.AllocUninit(16 << i)
			require.NoError(t, err)
			s.Free(b)
		}
	}
	s.SetLimit(int64(limit / 2))
	require.Equal(t, s.can, s.Backed() <= limit/2, "a lower limit squeezes the spans")
	s.verify()
	s.SetLimit(0)
}

// Goroutines allocate and free while spans become hollow under them.
func TestHollowingUnderLoad(t *testing.T) {
	s := newSparse(t, Options{}, 5000)
	var workers sync.WaitGroup
	for w := range 4 {
		workers.Go(func() {
			random := rand.New(rand.NewPCG(uint64(w), 1))
			var own [200][]byte
			for range 4000 {
				i := random.IntN(len(own))
				if b := own[i]; b != nil {
					if bytes.Count(b, b[:1]) != len(b) {
						t.Errorf("a block of %d bytes was written to", len(b))
					}
					s.Free(b)
				}
				b, err := s.AllocUninit(16 << random.IntN(8))
				if err != nil {
					t.Error(err)
					return
				}
				own[i] = fillWith(b, byte(random.Uint32()))
			}
			for _, b := range own {
				s.Free(b)
			}
		})
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		workers.Wait()
	}()
	hollow := uint64(0)
	for working := true; working; {
		select {
		case <-done:
			working = false
		default:
			s.Release(1 << 30)
			hollow = max(hollow, hollowBytes(s.Heap))
			s.Stats()
			runtime.Gosched()
		}
	}
	require.Equal(t, s.can, hollow > 0)
	s.verify()
	s.intact()
}

// thinned is a heap under the scavenger, with 32 MiB of blocks of which one in so many lives.
func thinned(t *testing.T, rule Scavenge, keep int) (s *scavenged, live [][]byte) {
	s = newScavenged(t, rule)
	for i := range 30_000 {
		b, err := s.AllocUninit(1000)
		require.NoError(t, err)
		live = append(live, fillWith(b, byte(i)))
	}
	kept := live[:0]
	for i, b := range live {
		if i%keep == 0 {
			kept = append(kept, b)
		} else {
			s.Free(b)
		}
	}
	return s, kept
}

func intact(t *testing.T, live [][]byte) {
	for i, b := range live {
		require.Equal(t, len(b), bytes.Count(b, b[:1]), "block %d", i)
	}
}

// A heap that nobody uses is as hollow as can be after the time, and rests.
func TestAnIdleHeapBecomesHollow(t *testing.T) {
	for _, rule := range []Scavenge{Decay(10 * time.Second), After(10 * time.Second)} {
		s, live := thinned(t, rule, 20)
		s.pass(10*time.Second - time.Millisecond)
		require.Zero(t, hollowBytes(s.Heap))
		s.pass(time.Second)
		require.Equal(t, s.pages.CanHollow(), hollowBytes(s.Heap) > 16*mib)
		require.True(t, s.rests())
		require.NoError(t, s.Verify())
		hollow, calls := hollowBytes(s.Heap), s.system.Calls(arenatest.Decommit)
		s.pass(time.Hour)
		require.True(t, s.rests())
		require.Equal(t, hollow, hollowBytes(s.Heap))
		require.Equal(t, calls, s.system.Calls(arenatest.Decommit))
		intact(t, live)
		s.free(live[1:])
		s.pass(11 * time.Second)
		require.True(t, s.rests())
		require.Equal(t, s.pages.CanHollow(), s.backed() < 16<<10, "the page that one block lies in")
		s.free(live[:1])
		s.pass(11 * time.Second)
		require.Zero(t, s.backed())
	}
}

// In a heap that is in use, spans become hollow that nobody touches; those that are in use do not.
func TestSpansThatNobodyTouchesBecomeHollow(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // or what caches hold depends on who runs where
	s, live := thinned(t, Decay(10*time.Second), 20)
	busy := make([][]byte, 0, 4000)
	use := func(d time.Duration) {
		for range d / (100 * time.Millisecond) {
			for len(busy) < cap(busy) {
				b, err := s.AllocUninit(2000)
				require.NoError(t, err)
				busy = append(busy, b)
			}
			s.pass(50 * time.Millisecond)
			for i := range 1000 {
				s.Free(busy[i])
				busy[i] = busy[len(busy)-1]
				busy = busy[:len(busy)-1]
			}
			s.pass(50 * time.Millisecond)
		}
	}
	use(9900 * time.Millisecond)
	require.Zero(t, hollowBytes(s.Heap))
	use(10 * time.Second)
	for _, c := range s.Stats().Classes {
		switch c.Size {
		case 1024:
			require.Equal(t, s.pages.CanHollow(), c.Hollow > 16*mib)
		default:
			require.LessOrEqual(t, c.Hollow, uint64(128<<10), "class %s: but a span that is not needed", c.Name)
		}
	}
	s.free(busy)
	s.pass(11 * time.Second)
	require.True(t, s.rests())
	s.free(live)
}

// What a Local gives back to spans while the heap rests is seen.
func TestALocalStirsAHeapThatRests(t *testing.T) {
	s := newScavenged(t, Decay(time.Second))
	l := s.Local()
	var live [][]byte
	for range 20_000 {
		b, err := l.AllocUninit(1000)
		require.NoError(t, err)
		live = append(live, b)
	}
	s.pass(2 * time.Second)
	require.True(t, s.rests())
	require.Zero(t, hollowBytes(s.Heap))
	var kept [][]byte
	for i, b := range live {
		if i%20 == 0 {
			kept = append(kept, b)
		} else {
			l.Free(b)
		}
	}
	require.False(t, s.rests())
	s.pass(2 * time.Second)
	require.True(t, s.rests())
	require.Equal(t, s.pages.CanHollow(), hollowBytes(s.Heap) > 10*mib)
	s.free(kept)
	l.Close()
}

// Rules that are not about age leave spans alone.
func TestOnlyAgeMakesHollow(t *testing.T) {
	for _, rule := range []Scavenge{Goal(10 * time.Second), Never()} {
		s, live := thinned(t, rule, 20)
		s.pass(100 * time.Second)
		require.Zero(t, hollowBytes(s.Heap))
		s.free(live)
	}
}

// Hollowing is work like any other: at most one part in a hundred of all CPUs' time.
func TestHollowingIsPaced(t *testing.T) {
	s, live := thinned(t, Decay(time.Second), 20)
	s.pass(990 * time.Millisecond)
	s.cost = time.Millisecond / 4
	worked, rounds := s.worked, s.rounds
	for !s.rests() {
		s.pass(10 * time.Millisecond)
	}
	if s.pages.CanHollow() {
		require.Greater(t, s.worked-worked, 100*time.Millisecond)
		require.Greater(t, s.rounds-rounds, 80)
		require.LessOrEqual(t, s.longest, 2*longestTurn)
	}
	s.free(live)
}

// What the system refuses to take of spans is not asked for again and again.
func TestRefusedHollowingDoesNotSpin(t *testing.T) {
	s, live := thinned(t, Decay(time.Second), 20)
	s.system.Refuse(arenatest.From(arenatest.Decommit, 1))
	s.pass(10 * time.Second)
	require.True(t, s.rests())
	require.Less(t, s.rounds, 600)
	require.Zero(t, hollowBytes(s.Heap))
	require.NoError(t, s.Verify())
	s.system.Refuse(nil)
	s.free(live[:1])
	s.pass(2 * time.Second)
	require.Equal(t, s.pages.CanHollow(), hollowBytes(s.Heap) > 16*mib)
	s.free(live[1:])
}
