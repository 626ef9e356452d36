package mcache_test

import (
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/spanheap/spanheap/arena/arenatest"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// noRest makes no cache of the test one that rests, however slow the test is.
func noRest(t *testing.T) { t.Cleanup(mcache.SetClock(func() time.Duration { return 0 })) }

// freeBy frees a block by c, whoever owns it.
func (r *rig) freeBy(c *mcache.Cache, b block) {
	r.t.Helper()
	state := stateOf(b)
	switch {
	case !c.Owns(mheap.SlotState(state)):
		r.freeAway(c, b)
	case c.HasRoom(b.class):
		c.Push(b.class, b.addr, state, b.n)
	default:
		r.freeLeased(c, b)
	}
}

// pair is two caches with the blocks of the goroutines that use them.
type pair struct {
	*rig
	random *rand.Rand
	caches [2]*mcache.Cache
	live   [2][]block
}

// pairs calls f with pairs that have no blocks yet, for blocks of some sizes, and verifies what it leaves.
func pairs(t *testing.T, f func(p *pair, n uintptr)) {
	noRest(t)
	for _, n := range []uintptr{8, 64, 1024, 4096, 8192} {
		r := newRig(t)
		p := &pair{rig: r, random: rand.New(rand.NewPCG(uint64(n), 1)), caches: [2]*mcache.Cache{r.leased(), r.leased()}}
		f(p, n)
		r.verify(append(p.live[0], p.live[1]...))
	}
}

// replace replaces every block a dozen times or so, random ones, some at a time.
func (p *pair) replace() {
	p.t.Helper()
	for range 12 * len(p.live[0]) / 16 {
		for who, c := range p.caches {
			live := p.live[who]
			some := live[:1+p.random.IntN(min(32, len(live)))]
			for i := range some {
				k := i + p.random.IntN(len(live)-i)
				some[i], live[k] = live[k], some[i]
				p.freeBy(c, some[i])
			}
			for i := range some {
				some[i] = p.by(c, some[i].n)
			}
		}
	}
}

// mixed is how many blocks have their state on a line with one of the other's.
func (p *pair) mixed() (blocks int) {
	const line = 64
	var on [2]map[uintptr]bool
	for who, live := range p.live {
		on[who] = map[uintptr]bool{}
		for _, b := range live {
			on[who][stateOf(b)/line] = true
		}
	}
	for who, live := range p.live {
		for _, b := range live {
			if on[1-who][stateOf(b)/line] {
				blocks++
			}
		}
	}
	return blocks
}

// One block in ten is another goroutine's than those beside it, as when one has allocated for two, or who did has changed
// its cache. When each block has been replaced some times, next to none are.
func TestBlocksOfTwoComeApart(t *testing.T) {
	pairs(t, func(p *pair, n uintptr) {
		const blocks = 6000
		for i := range blocks {
			who := 0
			if i%10 == 0 {
				who = 1
			}
			p.live[who] = append(p.live[who], p.by(p.caches[0], n))
		}
		require.Greater(t, p.mixed(), blocks/2)
		p.replace()
		require.Less(t, p.mixed(), blocks/10, "of %d bytes", n)
	})
}

// allocate makes so many blocks of n bytes in each cache.
func (p *pair) allocate(blocks int, n uintptr) {
	for range blocks {
		for who, c := range p.caches {
			p.live[who] = append(p.live[who], p.by(c, n))
		}
	}
}

// What could not go home is sorted out with the samples, though all are blocks of whoever frees them by then.
func TestOwnBlocksOnSpansOfAnotherComeApart(t *testing.T) {
	pairs(t, func(p *pair, n uintptr) {
		const blocks = 600
		p.SetSampleRate(1024*n, false)
		for i := range blocks {
			p.live[i%2] = append(p.live[i%2], p.by(p.caches[0], n))
		}
		for _, c := range p.caches {
			c.SpendSavings()
		}
		p.replace()
		require.Greater(t, p.mixed(), blocks/2)
		for range 60 {
			p.replace()
		}
		require.Less(t, p.mixed(), blocks/10, "of %d bytes", n)
	})
}

// Two goroutines with blocks on spans of their own change their caches.
func TestGoroutinesThatChangeCachesStayApart(t *testing.T) {
	pairs(t, func(p *pair, n uintptr) {
		const blocks = 3000
		p.allocate(blocks, n)
		require.Zero(t, p.mixed())
		for range 3 {
			p.caches[0], p.caches[1] = p.caches[1], p.caches[0]
			p.replace()
			require.Less(t, p.mixed(), blocks/10, "of %d bytes", n)
		}
	})
}

// Where next to nothing may go home, what each then has lies where its blocks lay before.
func TestGoroutinesThatChangeCachesKeepTheirSlots(t *testing.T) {
	pairs(t, func(p *pair, n uintptr) {
		const blocks, often = 4000, 2
		p.allocate(blocks, n)
		before := map[uintptr]int{} // whose block lay there
		for who, live := range p.live {
			p.caches[who].SpendSavings()
			for _, b := range live {
				before[b.addr] = who
			}
		}
		for turn := range often {
			for i := range blocks {
				for who, live := range p.live {
					c := p.caches[(who+turn+1)%2]
					p.freeAway(c, live[i])
					live[i] = p.by(c, n)
				}
			}
		}
		elsewhere := 0
		for who, live := range p.live {
			for _, b := range live {
				if was, known := before[b.addr]; known && was != who {
					elsewhere++
				}
			}
		}
		require.Less(t, elsewhere, blocks/8, "of %d bytes", n)
	})
}

// Who only frees what another allocates soon keeps it, for others to have by the central; who allocates as well may send
// home again.
func TestACacheSendsHomeNoMoreThanItSaved(t *testing.T) {
	noRest(t)
	r := newRig(t)
	producer, consumer := r.leased(), r.leased()
	free := func(blocks uintptr) {
		for range blocks {
			r.freeAway(consumer, r.by(producer, 64))
		}
	}
	free(mcache.MostSavings + 4*mcache.AsideSlots)
	require.Zero(t, consumer.Savings())
	homing := consumer.Homing()
	for range 4 * mcache.AsideSlots {
		free(1)
		require.Equal(t, homing, consumer.Homing())
		require.Zero(t, r.InMails(noscan(64)))
	}
	for range mcache.HomeShare * mcache.HomingSlots {
		r.freeBy(consumer, r.by(consumer, 64))
	}
	sent := false
	for range 4 * mcache.AsideSlots {
		free(1)
		sent = sent || r.InMails(noscan(64)) > 0
	}
	require.True(t, sent)
	require.Zero(t, consumer.Savings())
	r.verify(nil)
}

// sender returns two caches and blocks of the one, for the other to free and send home.
func (r *rig) sender(n uintptr, blocks int) (home, other *mcache.Cache, live []block) {
	r.t.Helper()
	home, other = r.leased(), r.leased()
	for range blocks {
		live = append(live, r.by(home, n))
	}
	return home, other, live
}

// useUpMetadata leaves no room for records, until the system refuses no more.
func (r *rig) useUpMetadata() {
	r.metadata.Refuse(func(arenatest.Call) bool { return true })
	for n := uintptr(4096); n > 0; n /= 2 {
		for {
			if _, err := r.heap.Meta().Alloc(n); err != nil {
				break
			}
		}
	}
}

func TestMailGoesWhereItsCacheIsAtWork(t *testing.T) {
	noRest(t)
	const blocks = 4 * mcache.AsideSlots
	for name, c := range map[string]struct {
		before         func(r *rig, home *mcache.Cache)
		atWork, mailed bool
	}{
		"at work":             {func(*rig, *mcache.Cache) {}, true, true},
		"no memory for a box": {func(r *rig, _ *mcache.Cache) { r.useUpMetadata() }, true, false},
		"returned":            {func(r *rig, home *mcache.Cache) { r.Return(home) }, false, false},
		"leased once more, and not yet used": {func(r *rig, home *mcache.Cache) {
			r.Return(home)
			require.Same(r.t, home, r.leased())
		}, false, false},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			home, other, live := r.sender(64, blocks)
			keep := r.by(home, 64)
			c.before(r, home)
			require.Equal(t, c.atWork, r.IsAtWork(home))
			mailed := false
			for _, b := range live {
				r.freeAway(other, b)
				mailed = mailed || r.InMails(b.class) > 0
				require.LessOrEqual(t, r.InMails(noscan(64)), uintptr(mcache.BoxSlots))
			}
			require.Equal(t, c.mailed, mailed)
			r.verify([]block{keep})
			r.metadata.Refuse(nil)
			r.freeAway(other, keep)
			r.Return(other)
			r.verify(nil)
			if c.atWork {
				r.Return(home)
			}
			require.False(t, r.IsAtWork(home))
			require.Zero(t, r.InMails(noscan(64)))
			r.requireEmpty()
		})
	}
}

// What others sent home is what the cache uses next when it has none at hand.
func TestMailIsUsedBeforeASpan(t *testing.T) {
	noRest(t)
	r := newRig(t)
	home, other, live := r.sender(64, 4*mcache.AsideSlots)
	for i := 0; r.InMails(noscan(64)) == 0; i++ {
		r.freeAway(other, live[i])
	}
	sent := map[uintptr]bool{}
	for _, b := range live {
		if mheap.SlotState(stateOf(b)) == mheap.Held {
			sent[b.addr] = true
		}
	}
	var got int
	for range 2 * mcache.BoxSlots {
		if sent[r.by(home, 64).addr] {
			got++
		}
	}
	require.GreaterOrEqual(t, got, mcache.HomingSlots)
	require.Zero(t, r.InMails(noscan(64)))
}

// The mail of a P that does nothing is closed with its cache, whether or not that holds anything.
func TestAnIdlePIsNotAtWork(t *testing.T) {
	procs(t, 1)
	r := newRig(t)
	b := r.mustAlloc(noscan(64), 64)
	c := r.Enter(mcache.Pin())
	r.Leave(c)
	require.True(t, r.IsAtWork(c))
	r.Rest() // sees what was used
	r.Rest()
	require.False(t, r.IsAtWork(c))
	r.mustFree(b)
	for range 4 * mcache.AsideSlots {
		b = r.mustAlloc(noscan(64), 64)
	}
	require.True(t, r.IsAtWork(c))
	r.Park()
	require.False(t, r.IsAtWork(c))
}

// Who does nothing for a while is not sent more than its mail has room for, and others may have its spans.
func TestAFullMailOfACacheThatRestsIsClosed(t *testing.T) {
	now := time.Duration(0)
	t.Cleanup(mcache.SetClock(func() time.Duration { now += time.Millisecond; return now }))
	r := newRig(t)
	home, other, live := r.sender(64, 8*mcache.BoxSlots)
	for _, b := range live {
		r.freeAway(other, b)
	}
	require.False(t, r.IsAtWork(home))
	require.Zero(t, r.InMails(noscan(64)))
	for range mcache.BoxSlots {
		r.by(home, 64)
	}
	require.True(t, r.IsAtWork(home), "it works again")
}

// The mail of a cache that nobody else may enter is emptied and closed like others.
func TestTheMailOfAnIdleLocalIsGivenBack(t *testing.T) {
	now := time.Duration(0)
	t.Cleanup(mcache.SetClock(func() time.Duration { return now }))
	for name, giveBack := range map[string]func(r *rig){
		"drained": func(r *rig) { r.Drain() },
		"parked":  func(r *rig) { r.Park() },
		"resting": func(r *rig) {
			r.Rest()
			now += 10 * time.Millisecond
			r.Rest()
		},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			home, other, live := r.sender(32<<10, 2*mcache.AsideSlots)
			for _, b := range live {
				r.freeAway(other, b)
			}
			class := live[0].class
			require.Positive(t, r.InMails(class))
			require.LessOrEqual(t, r.InMails(class)*class.Layout().Bytes, uintptr(mcache.BoxBytes)+class.Layout().Bytes)
			r.verify(nil)
			giveBack(r)
			require.Zero(t, r.InMails(class))
			require.Equal(t, name == "drained", r.IsAtWork(home))
			r.verify(nil)
			r.Return(other)
			r.Return(home)
			r.requireEmpty()
		})
	}
}

// A P that has done nothing for a while, or is gone, has its spans no longer for itself, as a heap sees that grows.
func TestASweepClosesTheMailOfAPThatRests(t *testing.T) {
	for name, gone := range map[string]bool{"it rests": false, "it is gone": true} {
		t.Run(name, func(t *testing.T) {
			now := time.Duration(0)
			t.Cleanup(mcache.SetClock(func() time.Duration { return now }))
			procs(t, 2)
			r := newRig(t)
			var caches []*mcache.Cache
			var mu sync.Mutex
			onProcs(8, func(int) {
				for range 2000 {
					r.mustAlloc(noscan(8192), 8192)
					c := r.Enter(mcache.Pin())
					r.Leave(c)
					mu.Lock()
					if !slices.Contains(caches, c) {
						caches = append(caches, c)
					}
					mu.Unlock()
					runtime.Gosched()
				}
			})
			if gone {
				procs(t, 1)
			}
			local := r.leased()
			for range 4 {
				for range 100 {
					r.by(local, 8192)
				}
				if !gone {
					now += 10 * time.Millisecond
				}
			}
			work := 0
			for _, c := range caches {
				if r.IsAtWork(c) {
					work++
				}
			}
			if gone {
				require.LessOrEqual(t, work, 1)
			} else {
				require.Zero(t, work)
			}
			require.True(t, r.IsAtWork(local))
		})
	}
}

// A block that no cache owns, as a sampled one, leaves its slot with its span, and not with whoever frees it, unless nobody else
// is at home there.
func TestTheSlotOfABlockThatNobodyOwnsStaysAtHome(t *testing.T) {
	noRest(t)
	for name, atHome := range map[string]bool{"at work": true, "returned": false} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			home, other, live := r.sender(64, 2)
			b, state := live[0], stateOf(live[0])
			mheap.SetSlotState(state, mheap.Live)
			r.by(other, 64)
			if !atHome {
				r.Return(home)
			}
			require.True(t, mheap.FreeExactly(state, mheap.Live))
			r.Free(other, b.class, b.addr, state, b.n, false)
			require.Equal(t, atHome, mheap.SlotState(state) == mheap.InSpan)
			require.Equal(t, !atHome, r.by(other, 64).addr == b.addr)
		})
	}
}

// A cache whose magazines never run empty, and that rested, is at work soon when it works.
func TestWhoHasSlotsAtHandIsAtWorkAgain(t *testing.T) {
	now := time.Duration(0)
	t.Cleanup(mcache.SetClock(func() time.Duration { return now }))
	r := newRig(t)
	c := r.leased()
	pairs := func(bytes uintptr) {
		for range bytes / 1024 {
			r.freeBy(c, r.by(c, 1024))
		}
	}
	pairs(1024)
	r.Rest()
	now += 10 * time.Millisecond
	r.Rest()
	require.False(t, r.IsAtWork(c))
	pairs(2 * mcache.Interval)
	require.True(t, r.IsAtWork(c))
}

// A span of a cache that rests is at home with who frees its blocks.
func TestSpansOfACacheThatRestsFindAHome(t *testing.T) {
	r := newRig(t)
	home, other, live := r.sender(64, 2*mcache.AsideSlots)
	keep := r.by(other, 64)
	r.Return(home)
	for _, b := range live {
		r.freeAway(other, b)
	}
	require.Equal(t, mheap.SpanOf(keep.addr).Home(), mheap.SpanOf(live[0].addr).Home())
}
