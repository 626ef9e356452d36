//go:build spanheap_debug

package lockrank

import (
	"fmt"
	"sync"
)

// Mutex is a sync.Mutex whose rank is checked at every Lock.
type Mutex struct {
	mu   sync.Mutex
	rank Rank
}

// Checked tells whether this build checks the order.
const Checked = true

// held maps a goroutine to the ranks it holds, in the order it took them.
var held sync.Map // goroutine() -> []Rank; an entry is touched by its goroutine only

// Init gives the mutex its rank. It is called once, before the first Lock.
func (m *Mutex) Init(r Rank) { m.rank = r }

// Lock takes the mutex, after checking that every lock this goroutine holds ranks lower.
func (m *Mutex) Lock() {
	g := goroutine()
	ranks, _ := held.Load(g)
	stack, _ := ranks.([]Rank)
	for _, r := range stack {
		if r >= m.rank {
			panic(fmt.Sprintf("lockrank: %v taken while %v is held", m.rank, r))
		}
	}
	m.mu.Lock()
	held.Store(g, append(stack, m.rank))
}

// Unlock gives the mutex back. Locks may be given back in any order.
func (m *Mutex) Unlock() {
	g := goroutine()
	ranks, _ := held.Load(g)
	stack, _ := ranks.([]Rank)
	for i := len(stack) - 1; i >= 0; i-- {
		if stack[i] == m.rank {
			stack = append(stack[:i:i], stack[i+1:]...)
			break
		}
	}
	if len(stack) == 0 {
		held.Delete(g)
	} else {
		held.Store(g, stack)
	}
	m.mu.Unlock()
}
