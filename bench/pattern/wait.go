package pattern

import (
	"runtime"
	"sync/atomic"
)

// Ways to wait for another goroutine that is about to come: short ones, that yield the processor and
// never sleep.

// spin counts how often somebody has looked in vain.
type spin int

// again waits a little before the next look.
func (s *spin) again() {
	if *s++; *s > 64 {
		runtime.Gosched()
	}
}

// cacheLine keeps what different goroutines write apart.
type cacheLine [64]byte

// A barrier lets its parties go on when all have come. It can be used again at once.
type barrier struct {
	parties uint32
	come    atomic.Uint32
	opened  atomic.Uint32 // how often it has let them go
}

func (b *barrier) wait() {
	turn := b.opened.Load()
	if b.come.Add(1) == b.parties {
		b.come.Store(0)
		b.opened.Add(1)
		return
	}
	for s := spin(0); b.opened.Load() == turn; {
		s.again()
	}
}

// groupBlocks is how many blocks change hands together.
const groupBlocks = 256

// A group is blocks on their way from one goroutine to another.
type group struct {
	n      int
	blocks [groupBlocks]block
}

// An exchange is places where goroutines swap groups with whoever was there before.
type exchange []atomic.Pointer[group]

// newExchange returns one with an empty group at every place.
func newExchange(procs int) exchange {
	x := make(exchange, 2*procs)
	for i := range x {
		x[i].Store(new(group))
	}
	return x
}

// swap leaves g at the place of that turn and returns what lay there.
func (x exchange) swap(turn int, g *group) *group { return x[turn%len(x)].Swap(g) }

// drain frees everything that was left.
func (x exchange) drain(h handle) {
	for i := range x {
		g := x[i].Load()
		h.drain(g.blocks[:g.n])
		g.n = 0
	}
}
