package main

import (
	"bytes"
	"fmt"
	"runtime/debug"
	"slices"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/trace"
)

// A history is what is resident beside what lives: at moments of one play of a trace, and then, after
// the last free, at moments of a time in which the heap is not called.
type history []moment

// A moment is one look at the process.
type moment struct {
	Events   int     `json:"events"`        // calls that every thread has made
	Seconds  float64 `json:"seconds_after"` // since the last free; 0 before it
	Live     uint64  `json:"live"`          // bytes that the threads' blocks asked for
	Resident uint64  `json:"rss"`           // bytes above the level before the first event
}

// How many moments a history has, at most: the peak of live bytes comes to those of the play, and the
// last free to those after it.
const (
	playMoments   = 92
	settleMoments = 30
)

// shortestSettleStep keeps a short wait from being one of looking only.
const shortestSettleStep = 5 * time.Millisecond

// A clock tells the time and waits.
type clock struct {
	now   func() time.Time
	sleep func(time.Duration)
}

var systemClock = clock{time.Now, time.Sleep}

// measureHistory fills in the history of a fresh heap. It is apart from what is timed. To look at the
// process takes no memory, and the Go heap stays as it is from the first level on.
func (r *replay) measureHistory(t *trace.Trace, team team, o replayOptions) error {
	stops := stopsOf(t)
	live := liveAt(t, stops)
	h := make(history, 0, len(stops)+1+settleMoments)
	defer debug.SetGCPercent(debug.SetGCPercent(-1))
	debug.FreeOSMemory()
	return onFreshHeap(title(r.File), func(heap *spanheap.Heap) error {
		level := newLevel(heap, !r.ResidentFromStats)
		defer level.close()
		team.join(heap)
		made := 0
		for i, stop := range stops {
			if err := team.play(t.Events[made:stop]); err != nil {
				return err
			}
			made = stop
			h = append(h, moment{Events: made, Live: live[i] * uint64(o.threads), Resident: level.now()})
		}
		team.freeSurvivors()
		h = append(h, moment{Events: made, Resident: level.now()})
		steps := min(settleMoments, int(o.settle/shortestSettleStep))
		start := o.clock.now()
		for step := 1; step <= steps; step++ {
			until := o.settle * time.Duration(step) / time.Duration(steps)
			o.clock.sleep(until - o.clock.now().Sub(start))
			h = append(h, moment{Events: made, Seconds: o.clock.now().Sub(start).Seconds(), Resident: level.now()})
		}
		r.History = h
		return heap.Verify()
	})
}

// stopsOf returns after how many events the play is looked at, in rising order: before the first, after
// the last, at the peak, and at even distances between.
func stopsOf(t *trace.Trace) []int {
	stops := []int{t.PeakEvents}
	for i := range playMoments {
		stops = append(stops, int(uint64(len(t.Events))*uint64(i)/(playMoments-1)))
	}
	slices.Sort(stops)
	return slices.Compact(stops)
}

// liveAt returns the live bytes of one thread at each of the stops.
func liveAt(t *trace.Trace, stops []int) []uint64 {
	sizes := make([]uint64, 0, t.Blocks)
	live := make([]uint64, 0, len(stops))
	made, sum := 0, uint64(0)
	for _, stop := range stops {
		for _, e := range t.Events[made:stop] {
			if e.Op == trace.Free || e.Op == trace.Realloc {
				sum -= sizes[e.ID]
			}
			if e.Op != trace.Free {
				sizes = append(sizes, e.Size)
				sum += e.Size
			}
		}
		made = stop
		live = append(live, sum)
	}
	return live
}

// lastFree returns the moment of the last free.
func (h history) lastFree() int {
	for i := len(h) - 1; i > 0; i-- {
		if h[i].Seconds == 0 {
			return i
		}
	}
	return 0
}

// most returns the largest value that the history has of anything.
func (h history) most() (most uint64) {
	for _, m := range h {
		most = max(most, m.Live, m.Resident)
	}
	return most
}

// writeEnd writes a line about what stays resident.
func (h history) writeEnd(b *bytes.Buffer) {
	free, end := h[h.lastFree()], h[len(h)-1]
	fmt.Fprintf(b, "at rest   %s right after the last free", size(free.Resident))
	if end.Seconds > 0 {
		fmt.Fprintf(b, ", %s after %.3g s without a call", size(end.Resident), end.Seconds)
	}
	fmt.Fprintln(b)
}

// A level is how far the resident memory is above what the process had when the level was made, or the
// heap's backed bytes where the system does not tell.
type level struct {
	heap  *spanheap.Heap
	meter *residentMeter // nil where the system does not tell
	base  uint64         // never above what the process has: less where that shrank
}

func newLevel(heap *spanheap.Heap, known bool) *level {
	l := &level{heap: heap}
	if known {
		l.meter = newResidentMeter()
		l.base = l.meter.read()
	}
	return l
}

func (l *level) now() uint64 {
	if l.meter == nil {
		return l.heap.Stats().Backed
	}
	now := l.meter.read()
	if now == 0 {
		return 0
	}
	l.base = min(l.base, now)
	return now - l.base
}

func (l *level) close() {
	if l.meter != nil {
		l.meter.close()
	}
}
