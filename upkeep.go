package spanheap

import (
	"math"
	"sync/atomic"
	"time"

	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/internal/scavenge"
	"github.com/spanheap/spanheap/mcache"
)

// upkeep is what the scavenger knows of a heap, and does with it, turn by turn. Memory flows outward in:
// from caches and centrals to the page heap, from there to the operating system; what cannot come to the page
// heap, since blocks live beside it, goes from the centrals' spans.
//
// A heap rests when nothing of it can become due by time alone: its caches are parked, its spans have been
// walked over, and the policy has settled, though the operating system may have refused to take all. It takes
// no turns then, until pages become free, slots come back to spans, or a cache is used again.
type upkeep struct {
	heap    *Heap
	policy  scavenge.Policy // nil: the heap gives nothing back on its own
	by      *scavenger      // immutable once the heap is in use
	resting atomic.Bool

	mu       lockrank.Mutex // a turn is being taken; guards what follows
	rested   bool           // since the turn before
	due      time.Duration  // the next turn
	sweepDue time.Duration  // the next look at the caches
	activity uintptr        // of the caches, when they were last seen to be used
	activeAt time.Duration  // when that was
	idle     bool           // the whole heap was, in the turn before
	walk     mcache.Walk    // to spans that should become hollow
}

const (
	forever = time.Duration(math.MaxInt64)

	shortestTick = 10 * time.Millisecond  // between two turns
	softTick     = time.Second            // at most, where there is a soft limit
	shortestIdle = 100 * time.Millisecond // before caches are taken from their owners

	// The least that is released, unless it is all there is, and the most in one system call: long enough that the call costs little beside the pages, short
	// enough that nobody waits long for memory that is on its way. A multiple of a huge page.
	leastRelease = 64 << 10
	releaseStep  = 4 << 20

	// Caches are looked at so often in the time that memory may stay. Spans become hollow when nobody has
	// touched them from one look to the last but one of that time: for so long at least.
	sweeps = 4

	// A turn ends after so much work, whatever is left to do.
	longestTurn = time.Millisecond
)

func (k *upkeep) init(h *Heap, s Scavenge) {
	k.mu.Init(lockrank.Scavenge)
	k.heap, k.policy = h, s.policy()
}

// begin has the heap rest until it is stirred, which wakes the scavenger.
func (k *upkeep) begin(s *scavenger) {
	k.by = s
	k.rested = true
	k.resting.Store(true)
}

// stir ends the heap's rest. It is called under locks of the heap, and often: all but the first time it is a
// load.
func (k *upkeep) stir() {
	if k.resting.Load() && k.resting.CompareAndSwap(true, false) {
		k.by.wake()
	}
}

// turn does what is due, for a while, and returns when the next turn is.
func (k *upkeep) turn(clock *scavenge.Clock) time.Duration {
	k.mu.Lock()
	defer k.mu.Unlock()
	now := clock.Now()
	switch {
	case k.heap.closed.Load() || k.resting.Load():
		return forever
	case !k.rested && now < k.due:
		return k.due
	}
	idle := k.collect(now)
	pages := k.heap.pages
	free := pages.FreeBytes()
	excess, settled := k.policy.Look(now, scavenge.Usage{
		Free: free, InUse: pages.UsedBytes(), Peak: pages.Peak(), Idle: idle,
	})
	squeezed := max(excess, min(free, pages.Budget().AboveSoft(0)))
	until := now + longestTurn
	switch left := k.release(clock, until, squeezed, excess); {
	case left > 0 || k.hollow(clock, until):
		k.due = now // as soon as the scavenger may work again
	case idle && settled && k.rest():
		return forever
	default:
		k.due = now + k.tick()
	}
	return k.due
}

// tick is how much time lies between two turns.
func (k *upkeep) tick() time.Duration {
	tick := max(k.policy.Span()/50, shortestTick)
	if k.heap.pages.Budget().HasSoft() {
		tick = min(tick, softTick)
	}
	return tick
}

// collect empties what lies idle in caches and centrals into the page heap. It tells whether the whole
// heap has been idle for as long as memory may stay.
func (k *upkeep) collect(now time.Duration) (idle bool) {
	patience := max(k.policy.Span(), shortestIdle)
	activity := k.heap.caches.Activity()
	if k.rested || activity != k.activity {
		k.activity, k.activeAt, k.rested = activity, now, false
	}
	before := k.idle
	k.idle = now-k.activeAt >= patience
	switch {
	case k.idle:
		k.heap.caches.Park()
		if !before {
			k.setOut(0)
		}
	case now >= k.sweepDue:
		k.sweepDue = now + patience/sweeps
		k.heap.caches.Rest()
		if k.walk.Over() {
			k.setOut(sweeps + 1)
		}
	}
	return k.idle
}

// release gives n bytes back, of which the policy wants excess to go, until the time is over: all there is,
// or else pieces that are worth a system call. It returns how many are left that could be given: not what the operating system refuses, nor what
// makes up no whole physical page.
func (k *upkeep) release(clock *scavenge.Clock, until time.Duration, n, excess uint64) (left uint64) {
	least := uint64(leastRelease)
	if n == k.heap.pages.FreeBytes() {
		least = 1
	}
	for left = n; left >= least; {
		gave := k.heap.pages.Release(uintptr(min(left, releaseStep)))
		if gave == 0 {
			return 0
		}
		wanted := min(excess, uint64(gave))
		k.policy.Gave(wanted)
		excess -= wanted
		left -= min(left, uint64(gave))
		if clock.Now() >= until {
			return left
		}
	}
	return 0
}

// setOut begins a walk to the spans of an age in sweeps, if the policy is about age.
func (k *upkeep) setOut(age uint32) {
	if k.policy.ByAge() {
		k.walk = k.heap.caches.Walk(age)
	}
}

// hollow gives back what lies under free slots, as far as the walk goes until the time is over. It tells
// whether there is more to look at.
func (k *upkeep) hollow(clock *scavenge.Clock, until time.Duration) bool {
	for {
		if _, more := k.walk.Step(); !more {
			return false
		}
		if clock.Now() >= until {
			return true
		}
	}
}

// rest lets the heap rest, unless something has changed meanwhile. It tells whether it does.
func (k *upkeep) rest() bool {
	free := k.heap.pages.FreeBytes()
	k.rested = true
	k.resting.Store(true)
	if k.heap.pages.FreeBytes() == free && k.heap.caches.Parked() {
		return true
	}
	return !k.resting.CompareAndSwap(true, false)
}
