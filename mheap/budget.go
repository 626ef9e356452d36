package mheap

import (
	"errors"
	"fmt"
	"sync/atomic"

	"github.com/spanheap/spanheap/internal/lockrank"
)

// ErrLimit is the error of what would back more memory than a limit allows.
var ErrLimit = errors.New("memory limit reached")

// Budget counts the bytes that a heap has backed, pages and metadata alike, and bounds them. Memory is
// taken from the budget before it is committed, and given back after it was decommitted; so however
// goroutines interleave, no more than the limit is backed. A heap's bytes are the process's too.
//
// A Budget is safe for concurrent use. The zero Budget has no limit.
type Budget struct {
	backed      atomic.Uint64 // written under budgets
	limit, soft atomic.Uint64 // written under budgets; 0 is none
}

// Process is the budget of all heaps together.
var Process Budget

// budgets guards all budgets' fields against writers: a heap's and the process's change as one.
var budgets lockrank.Mutex

func init() { budgets.Init(lockrank.Budget) }

// SetLimit sets the limits in bytes, 0 for none. Nothing is backed beyond the limit once it has returned;
// what is backed already stays.
func (b *Budget) SetLimit(limit, soft uint64) (old uint64) {
	budgets.Lock()
	defer budgets.Unlock()
	b.soft.Store(soft)
	return b.limit.Swap(limit)
}

// Backed returns how many bytes are backed, exactly.
func (b *Budget) Backed() uint64 { return b.backed.Load() }

// Limit returns the limit in bytes, 0 for none.
func (b *Budget) Limit() uint64 { return b.limit.Load() }

// Admits tells whether n bytes are within the limits, were nothing backed.
func (b *Budget) Admits(n uint64) bool {
	for _, limit := range [...]uint64{b.limit.Load(), Process.limit.Load()} {
		if limit > 0 && n > limit {
			return false
		}
	}
	return true
}

// AboveSoft returns how many bytes must go before n bytes more leave the heap within its soft limit, and the process
// within its own. It waits for nobody.
func (b *Budget) AboveSoft(n uint64) uint64 {
	return max(b.excess(n, b.soft.Load()), Process.excess(n, Process.soft.Load()))
}

// HasSoft tells whether the heap or the process has a soft limit.
func (b *Budget) HasSoft() bool { return b.soft.Load() > 0 || Process.soft.Load() > 0 }

// AboveLimit returns how many bytes must go before n bytes more are within the limits.
func (b *Budget) AboveLimit(n uint64) uint64 {
	return max(b.excess(n, b.limit.Load()), Process.excess(n, Process.limit.Load()))
}

// excess is by how much n bytes more would exceed the bound, 0 for none.
func (b *Budget) excess(n, bound uint64) uint64 {
	backed := b.backed.Load()
	switch {
	case bound == 0 || backed <= bound && n <= bound-backed:
		return 0
	case backed > bound:
		return backed - bound + n
	}
	return n - (bound - backed)
}

// admit returns an error if n bytes more would exceed a limit.
func (b *Budget) admit(n uintptr) error {
	if limit := b.limit.Load(); b.excess(uint64(n), limit) > 0 {
		return &limitError{uint64(n), b.Backed(), limit, "heap"}
	}
	if limit := Process.limit.Load(); Process.excess(uint64(n), limit) > 0 {
		return &limitError{uint64(n), Process.Backed(), limit, "process"}
	}
	return nil
}

// take counts n bytes that are about to be backed, unless that exceeds a limit.
func (b *Budget) take(n uintptr) error {
	budgets.Lock()
	defer budgets.Unlock()
	if err := b.admit(n); err != nil {
		return err
	}
	b.backed.Add(uint64(n))
	Process.backed.Add(uint64(n))
	return nil
}

// give takes n bytes off that are backed no longer.
func (b *Budget) give(n uintptr) {
	budgets.Lock()
	defer budgets.Unlock()
	b.backed.Add(-uint64(n))
	Process.backed.Add(-uint64(n))
}

// limitError is an ErrLimit with its figures, in bytes.
type limitError struct {
	more, backed, limit uint64
	whose               string
}

func (e *limitError) Error() string {
	return fmt.Sprintf("%v: %d bytes more than the %d that are backed exceed the %s's limit of %d", ErrLimit, e.more, e.backed, e.whose, e.limit)
}

func (e *limitError) Unwrap() error { return ErrLimit }
