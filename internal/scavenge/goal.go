package scavenge

import "time"

// Goal lets stay what the heap may soon need again: what is backed may be a tenth more than the most
// that was in use within a window of time.
//
// The idea is Go 1.13's scavenger (Knyszek, Smarter Scavenging, 2019), whose window is a cycle of the
// garbage collector.
type Goal struct {
	window time.Duration
	peaks  []peak // oldest first, each higher than the next
}

// peak is the most that was in use at a moment.
type peak struct {
	at    time.Duration
	bytes uint64
}

// NewGoal returns the rule for a window.
func NewGoal(window time.Duration) *Goal { return &Goal{window: window} }

func (g *Goal) ByAge() bool { return false }

func (g *Goal) Span() time.Duration { return g.window }

func (g *Goal) Gave(uint64) {}

func (g *Goal) Look(now time.Duration, u Usage) (excess uint64, settled bool) {
	g.note(now, max(u.Peak, u.InUse))
	n := 0
	for n < len(g.peaks) && now-g.peaks[n].at >= g.window {
		n++
	}
	g.peaks = append(g.peaks[:0], g.peaks[n:]...)
	g.note(now, u.InUse)
	most := g.peaks[0].bytes
	goal := most + most/10
	if backed := u.Free + u.InUse; backed > goal {
		excess = min(backed-goal, u.Free)
	}
	return excess, most == u.InUse
}

// note adds a peak, which hides those before it that are not higher.
func (g *Goal) note(now time.Duration, bytes uint64) {
	for last := len(g.peaks) - 1; last >= 0 && g.peaks[last].bytes <= bytes; last-- {
		g.peaks = g.peaks[:last]
	}
	g.peaks = append(g.peaks, peak{now, bytes})
}
