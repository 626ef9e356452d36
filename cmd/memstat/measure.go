package main

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"
	"sync"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/trace"
)

// measure replays the trace o.rounds times on one heap, then once each on others for its Stats, to verify it
// between events if that is asked for, and for its history.
func measure(t *trace.Trace, file string, o replayOptions) (r replay, err error) {
	r = replay{
		File: file, Threads: o.threads, Rounds: o.rounds,
		Events: len(t.Events), Blocks: t.Blocks, PeakLive: t.PeakLive,
	}
	team := make(team, o.threads)
	for i := range team {
		team[i] = newPlayer(t.Blocks)
	}
	if err := r.measureRounds(t, team, o); err != nil {
		return r, err
	}
	o.progress.show("%s: where the bytes are", title(file))
	if err := r.measureStats(t, team, o); err != nil {
		return r, err
	}
	if o.verify > 0 {
		o.progress.show("%s: verifying", title(file))
		if err := r.verifyEvents(t, team, o.verify); err != nil {
			return r, err
		}
	}
	o.progress.show("%s: what stays resident", title(file))
	if err := r.measureHistory(t, team, o); err != nil {
		return r, err
	}
	if r.ResidentFromStats {
		r.Resident = r.StatsPeak.Backed
	}
	if live := t.PeakLive * uint64(o.threads); live > 0 {
		r.ResidentOverLive = float64(r.Resident) / float64(live)
	}
	return r, nil
}

// measureRounds fills in the times and the resident memory. Tables and events are resident before
// the first level is read, the heap's first memory comes after it, and the Go heap stays as it is
// from there on.
func (r *replay) measureRounds(t *trace.Trace, team team, o replayOptions) error {
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	debug.FreeOSMemory()
	before, known := residentNow()
	return onFreshHeap(title(r.File), func(heap *spanheap.Heap) error {
		team.join(heap)
		perEvent := make([]float64, o.rounds)
		for round := range perEvent {
			o.progress.show("%s: round %d of %d", title(r.File), round+1, o.rounds)
			start := time.Now()
			err := team.play(t.Events)
			elapsed := time.Since(start)
			if err != nil {
				return err
			}
			if round == 0 {
				highest, stillKnown := residentHighest()
				// Where something else of the process went in that round, its sum may say nothing of the heap.
				r.ResidentFromStats = !known || !stillKnown || highest <= before && t.Blocks > 0
				r.Resident = highest - min(before, highest)
			}
			perEvent[round] = float64(elapsed.Nanoseconds()) / float64(max(len(t.Events), 1))
			team.freeSurvivors()
			if o.verify > 0 {
				if err := heap.Verify(); err != nil {
					return fmt.Errorf("after round %d: %w", round+1, err)
				}
			}
		}
		slices.Sort(perEvent)
		r.NsPerEventBest, r.NsPerEventMedian = perEvent[0], perEvent[o.rounds/2]
		return heap.Verify()
	})
}

// measureStats fills in the Stats of a fresh heap: when all threads stand at the peak of live bytes,
// and after the last free.
func (r *replay) measureStats(t *trace.Trace, team team, o replayOptions) error {
	return onFreshHeap(title(r.File), func(heap *spanheap.Heap) error {
		team.join(heap)
		if err := team.play(t.Events[:t.PeakEvents]); err != nil {
			return err
		}
		r.StatsPeak = heap.Stats()
		if o.verify > 0 {
			if err := heap.Verify(); err != nil {
				return fmt.Errorf("at the peak: %w", err)
			}
		}
		if err := team.play(t.Events[t.PeakEvents:]); err != nil {
			return err
		}
		team.freeSurvivors()
		r.StatsEnd = heap.Stats()
		return heap.Verify()
	})
}

// verifyEvents verifies a fresh heap each time that all threads have made so many more calls, and after the last
// call and the last free.
func (r *replay) verifyEvents(t *trace.Trace, team team, every int) error {
	return onFreshHeap(title(r.File), func(heap *spanheap.Heap) error {
		team.join(heap)
		for made := 0; made < len(t.Events); {
			stop := made + min(every, len(t.Events)-made)
			if err := team.play(t.Events[made:stop]); err != nil {
				return err
			}
			made = stop
			if err := heap.Verify(); err != nil {
				return fmt.Errorf("after event %d: %w", made-1, err)
			}
			r.Verifications++
		}
		team.freeSurvivors()
		if err := heap.Verify(); err != nil {
			return fmt.Errorf("after the last free: %w", err)
		}
		r.Verifications++
		return nil
	})
}

// A team is the players that replay one trace at the same time.
type team []*player

func (t team) join(heap *spanheap.Heap) {
	for _, p := range t {
		p.heap = heap
	}
}

// play has every player play the events; one alone does so on the caller's goroutine. Of several
// players' errors it returns one.
func (t team) play(events []trace.Event) error {
	if len(t) == 1 {
		t[0].play(events)
		return t[0].err
	}
	var playing sync.WaitGroup
	for _, p := range t {
		playing.Go(func() { p.play(events) })
	}
	playing.Wait()
	for _, p := range t {
		if p.err != nil {
			return p.err
		}
	}
	return nil
}

func (t team) freeSurvivors() {
	for _, p := range t {
		p.freeSurvivors()
	}
}

// onFreshHeap calls use with a heap of its own, which it closes. A panic leaves the heap open: its
// locks may be held.
func onFreshHeap(name string, use func(*spanheap.Heap) error) error {
	return onHeapWith(spanheap.Options{Name: name}, use)
}

// onHeapWith is onFreshHeap with the options in the caller's hands.
func onHeapWith(o spanheap.Options, use func(*spanheap.Heap) error) error {
	heap, err := spanheap.NewHeap(o)
	if err != nil {
		return err
	}
	err = use(heap)
	return errors.Join(err, heap.Close())
}
