package spanheap

import (
	"runtime"
	"slices"
	"sync/atomic"
	"time"

	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/internal/scavenge"
)

// background is the process's scavenger.
var background = newScavenger(sinceLoaded)

var loaded = time.Now()

func sinceLoaded() time.Duration { return time.Since(loaded) }

// scavenger takes turns with heaps. Its goroutine starts with the first of them and ends after the last;
// tests, which want no goroutine, take the rounds themselves.
type scavenger struct {
	clock  scavenge.Clock
	paused time.Duration // until then no work is done
	bell   chan struct{} // has room for one ring
	worked atomic.Int64  // nanoseconds

	mu      lockrank.Mutex // guards what follows
	heaps   []*Heap
	running bool
}

func newScavenger(clock func() time.Duration) *scavenger {
	s := &scavenger{clock: scavenge.Clock{Read: clock}, bell: make(chan struct{}, 1)}
	s.mu.Init(lockrank.Scavenge)
	return s
}

// add takes up a heap that nobody uses yet, if it is to give memory back on its own.
func (s *scavenger) add(h *Heap) {
	if h.upkeep.policy == nil {
		return
	}
	h.upkeep.begin(s)
	s.mu.Lock()
	s.heaps = append(s.heaps, h)
	s.mu.Unlock()
}

// start has a goroutine take the rounds, as long as there are heaps.
func (s *scavenger) start() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.running && len(s.heaps) > 0 {
		s.running = true
		go s.run()
	}
}

// remove lets go of a heap that is closed. When it returns the heap is touched no more.
func (s *scavenger) remove(h *Heap) {
	s.mu.Lock()
	s.heaps = slices.DeleteFunc(s.heaps, func(other *Heap) bool { return other == h })
	s.mu.Unlock()
	s.wake()
	h.upkeep.mu.Lock()
	defer h.upkeep.mu.Unlock()
}

// wake has the goroutine look at what it has to do. It never waits.
func (s *scavenger) wake() {
	select {
	case s.bell <- struct{}{}:
	default:
	}
}

// ScavengeTime returns how long the process's scavenger has worked, in all: at most a hundredth of the time of
// all CPUs that GOMAXPROCS allows. What Release and allocations at a limit give back is not in it.
func ScavengeTime() time.Duration { return time.Duration(background.worked.Load()) }

func (s *scavenger) run() {
	timer := time.NewTimer(0)
	timer.Stop()
	var heaps []*Heap
	for {
		var more bool
		if heaps, more = s.next(heaps); !more {
			return
		}
		wait := s.round(heaps)
		clear(heaps)
		if wait == forever {
			<-s.bell
			continue
		}
		timer.Reset(wait)
		select {
		case <-s.bell:
			timer.Stop() // a timer that runs hides a deadlock of the program's from the Go runtime
		case <-timer.C:
		}
	}
}

// next returns the heaps there are, in the slice if it is long enough, or that the goroutine is over.
func (s *scavenger) next(heaps []*Heap) ([]*Heap, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.running = len(s.heaps) > 0
	return append(heaps[:0], s.heaps...), s.running
}

// round gives each heap a turn, and returns how long to wait until the next round. After work a pause
// follows that is long enough to keep all work within share of the CPUs' time.
func (s *scavenger) round(heaps []*Heap) time.Duration {
	begun := s.clock.Now()
	if begun < s.paused {
		return s.paused - begun
	}
	due, now, worked := forever, begun, time.Duration(0)
	for _, h := range heaps {
		due = min(due, h.upkeep.turn(&s.clock))
		before := now
		now = s.clock.Now()
		worked += min(now-before, mostWork)
	}
	s.worked.Add(int64(worked))
	s.paused = now + worked*share/time.Duration(runtime.GOMAXPROCS(0))
	if due == forever {
		return forever
	}
	return max(due, s.paused) - now
}

const (
	// share is the part of all CPUs' time that the scavenger takes at most, one in share: less than the hundredth
	// that is promised, since whoever looks may see one turn more than there were pauses.
	share = 110

	// mostWork is how much of a turn's time counts as work. During what is beyond, the process did not run,
	// or its clock was set.
	mostWork = 100 * longestTurn
)
