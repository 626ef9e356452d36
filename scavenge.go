package spanheap

import (
	"time"

	"github.com/spanheap/spanheap/internal/scavenge"
)

// Scavenge is the rule by which a heap gives free memory back to the operating system on its own, while
// the program goes on or is idle: Decay, Goal, After or Never. The zero Scavenge is Decay of 10 seconds.
//
// All heaps of a process share one goroutine, which ends with the last heap that has such a rule, keeps
// no program alive, takes at most 1 % of the time of all CPUs, and sleeps without a timer while no heap
// has anything to give. Each P's free slots count as free memory once the P has left them alone. What a
// Local holds is never collected. By Decay and After, memory under free slots that lie beside live blocks goes
// as well, all of it when nobody has taken or freed slots there for the time.
type Scavenge struct {
	rule scavengeRule
	time time.Duration
}

type scavengeRule uint8

const (
	byDefault scavengeRule = iota
	byDecay
	byGoal
	byAge
)

const defaultDecay = 10 * time.Second

// Decay gives memory back smoothly by the time it has been free: nothing at once, half after half of
// over, all after over. 0 gives it back as soon as the scavenger may work
// (see Scavenge), a negative time never. It is the rule of jemalloc. Memory for a large object that fits nowhere is
// traded for as much that is free in shorter pieces, which goes back before it.
func Decay(over time.Duration) Scavenge { return Scavenge{byDecay, over} }

// Goal gives back what is beyond a tenth more than the most that was in use within the window: memory
// that a program needs again and again stays, though it be idle for long. 0 looks at the present alone;
// a negative window means never. It is the rule of Go 1.13.
func Goal(window time.Duration) Scavenge { return Scavenge{byGoal, window} }

// After gives back what has been free for the time idle, and nothing before: After(5 * time.Minute) is
// the rule of Go up to 1.12. 0 gives back as soon as the scavenger may work, a negative time
// never.
func After(idle time.Duration) Scavenge { return Scavenge{byAge, idle} }

// Never gives nothing back but what Release is called for and limits ask for.
func Never() Scavenge { return Decay(-1) }

// atOnce tells whether memory may go back before its time, in exchange for other.
func (s Scavenge) atOnce() bool { return s.rule == byDefault || s.rule == byDecay && s.time >= 0 }

// policy returns the rule's policy, or nil for never.
func (s Scavenge) policy() scavenge.Policy {
	switch {
	case s.rule == byDefault:
		return scavenge.NewDecay(defaultDecay)
	case s.time < 0:
		return nil
	case s.rule == byGoal:
		return scavenge.NewGoal(s.time)
	case s.rule == byAge:
		return scavenge.NewIdle(s.time)
	}
	return scavenge.NewDecay(s.time)
}
