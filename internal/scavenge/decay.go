package scavenge

import (
	"math"
	"time"
)

// Decay lets memory stay by its age: of what became free at one moment, a share that falls from all to
// nothing over a time. What is used again is taken to be what became free last, so memory that a program
// takes and frees in turn stays young, and what it never comes back to goes.
//
// The idea is jemalloc's decay-based purging (Evans, 2016), which counts the same in epochs.
type Decay struct {
	over    time.Duration
	share   func(age float64) float64 // what may stay at an age in [0, 1)
	cohorts []cohort                  // oldest first
	free    float64                   // bytes free at the last Look, less what was given since
}

// cohort is what became free in one epoch. Less of it than bytes is there any more: share tells how much.
type cohort struct {
	begun time.Duration // its epoch
	at    time.Duration // its youngest part
	bytes float64
}

// epochs is how many cohorts are told apart.
const epochs = 200

// NewDecay returns the rule by which free memory goes smoothly: nothing at once, half after half of the
// time, all after all of it.
func NewDecay(over time.Duration) *Decay { return &Decay{over: over, share: smooth} }

// NewIdle returns the rule by which what has been free for a time goes at once, and nothing before.
func NewIdle(after time.Duration) *Decay {
	return &Decay{over: after, share: func(float64) float64 { return 1 }}
}

// smooth falls from 1 to 0 with a slope of 0 at both ends: 1 - smoothstep.
func smooth(x float64) float64 { return 1 - x*x*(3-2*x) }

func (d *Decay) ByAge() bool { return true }

func (d *Decay) Span() time.Duration { return d.over }

func (d *Decay) Gave(n uint64) { d.free -= float64(n) }

func (d *Decay) Look(now time.Duration, u Usage) (excess uint64, settled bool) {
	d.expire(now)
	free := float64(u.Free)
	switch {
	case u.Idle:
		d.cohorts = d.cohorts[:0]
	case free > d.free:
		d.freed(now, free-d.free)
	default:
		d.reused(now, d.free-free)
	}
	d.free = free
	stay := 0.0
	for _, c := range d.cohorts {
		stay += d.left(now, c)
	}
	excess = u.Free - uint64(min(free, math.Ceil(stay)))
	return excess, excess == u.Free
}

// expire drops the cohorts of which nothing may stay.
func (d *Decay) expire(now time.Duration) {
	n := 0
	for n < len(d.cohorts) && now-d.cohorts[n].at >= d.over {
		n++
	}
	d.cohorts = append(d.cohorts[:0], d.cohorts[n:]...)
}

func (d *Decay) freed(now time.Duration, bytes float64) {
	if d.over <= 0 {
		return
	}
	last := len(d.cohorts) - 1
	if last < 0 || now-d.cohorts[last].begun >= d.over/epochs {
		d.cohorts = append(d.cohorts, cohort{begun: now, at: now, bytes: bytes})
		return
	}
	c := &d.cohorts[last]
	// What has gone of the cohort's older part stays gone.
	c.bytes, c.at = d.left(now, *c)+bytes, now
}

// reused takes bytes off the youngest cohorts.
func (d *Decay) reused(now time.Duration, bytes float64) {
	for last := len(d.cohorts) - 1; last >= 0 && bytes > 0; last-- {
		c := &d.cohorts[last]
		left := d.left(now, *c)
		if left > bytes {
			c.bytes *= 1 - bytes/left
			return
		}
		bytes -= left
		d.cohorts = d.cohorts[:last]
	}
}

// left is how much of the cohort may stay.
func (d *Decay) left(now time.Duration, c cohort) float64 {
	return c.bytes * d.share(float64(now-c.at)/float64(d.over))
}
