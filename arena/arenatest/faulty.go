// Package arenatest holds two Systems for the tests of all layers. They stack on each other and on the
// real ones:
//
//	Fake     knows the state of every page and reports every breach of System's pre-conditions; its page
//	         size, and what else occupies the address space, is the test's choice
//	Faulty   refuses the calls that the test names, and counts all
package arenatest

import (
	"errors"
	"fmt"
	"sync"

	"github.com/spanheap/spanheap/arena"
)

// Verb is one of System's verbs.
type Verb int

// The verbs.
const (
	Reserve Verb = iota
	Unreserve
	Commit
	Decommit
	Move
	Advise
	Protect
	Unprotect
	verbs
)

var verbNames = [verbs]string{"Reserve", "Unreserve", "Commit", "Decommit", "Move", "Advise", "Protect", "Unprotect"}

// String returns the verb's name.
func (v Verb) String() string { return verbNames[v] }

// Verbs returns all verbs.
func Verbs() []Verb {
	return []Verb{Reserve, Unreserve, Commit, Decommit, Move, Advise, Protect, Unprotect}
}

// Call is one call of a verb. For Reserve, Addr is the hint, for Move the source.
type Call struct {
	Verb       Verb
	Addr, Size uintptr
	K          int // counts the calls of this verb, from 1
}

// ErrRefused is what the refusals of Faulty and Fake wrap, in the place of an operating system's error.
var ErrRefused = errors.New("refused by arenatest")

// Faulty is a System that passes calls on to another, but those that its rule names it refuses without
// passing them on. It is safe for concurrent use.
type Faulty struct {
	system arena.System

	mu    sync.Mutex
	rule  func(Call) bool
	calls [verbs]int
}

// NewFaulty returns a Faulty over s that refuses nothing.
func NewFaulty(s arena.System) *Faulty { return &Faulty{system: s} }

// Refuse sets the rule, nil for none, and starts counting anew. The rule is asked once a call, by one
// goroutine at a time; it must not call the Faulty.
func (f *Faulty) Refuse(rule func(Call) bool) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.rule, f.calls = rule, [verbs]int{}
}

// Nth is the rule that refuses the k-th call of v, from 1, and no other.
func Nth(v Verb, k int) func(Call) bool {
	return func(c Call) bool { return c.Verb == v && c.K == k }
}

// From is the rule that refuses the k-th call of v, from 1, and all later ones.
func From(v Verb, k int) func(Call) bool {
	return func(c Call) bool { return c.Verb == v && c.K >= k }
}

// Calls returns how often v was called, refusals included, since the last Refuse.
func (f *Faulty) Calls(v Verb) int {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.calls[v]
}

// PageSize returns the page size of the System below.
func (f *Faulty) PageSize() uintptr { return f.system.PageSize() }

// Reserve refuses, or reserves in the System below.
func (f *Faulty) Reserve(hint, size uintptr) (uintptr, error) {
	if err := f.admit(Reserve, hint, size); err != nil {
		return 0, err
	}
	return f.system.Reserve(hint, size)
}

// Unreserve refuses, or unreserves in the System below.
func (f *Faulty) Unreserve(addr, size uintptr) error {
	if err := f.admit(Unreserve, addr, size); err != nil {
		return err
	}
	return f.system.Unreserve(addr, size)
}

// Commit refuses, or commits in the System below.
func (f *Faulty) Commit(addr, size uintptr) error {
	if err := f.admit(Commit, addr, size); err != nil {
		return err
	}
	return f.system.Commit(addr, size)
}

// Decommit refuses, or decommits in the System below.
func (f *Faulty) Decommit(addr, size uintptr) error {
	if err := f.admit(Decommit, addr, size); err != nil {
		return err
	}
	return f.system.Decommit(addr, size)
}

// Move refuses, or moves in the System below.
func (f *Faulty) Move(dst, src, size uintptr) error {
	if err := f.admit(Move, src, size); err != nil {
		return err
	}
	return f.system.Move(dst, src, size)
}

// Advise refuses, or advises the System below.
func (f *Faulty) Advise(a arena.Advice, addr, size uintptr) error {
	if err := f.admit(Advise, addr, size); err != nil {
		return err
	}
	return f.system.Advise(a, addr, size)
}

// Protect refuses, or protects in the System below.
func (f *Faulty) Protect(addr, size uintptr) error {
	if err := f.admit(Protect, addr, size); err != nil {
		return err
	}
	return f.system.Protect(addr, size)
}

// Unprotect refuses, or unprotects in the System below.
func (f *Faulty) Unprotect(addr, size uintptr) error {
	if err := f.admit(Unprotect, addr, size); err != nil {
		return err
	}
	return f.system.Unprotect(addr, size)
}

// admit counts the call and asks the rule.
func (f *Faulty) admit(v Verb, addr, size uintptr) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.calls[v]++
	call := Call{Verb: v, Addr: addr, Size: size, K: f.calls[v]}
	if f.rule != nil && f.rule(call) {
		return refusal(call)
	}
	return nil
}

// refusal is the error for a call that is refused.
func refusal(c Call) error {
	return fmt.Errorf("arenatest: %v of %d bytes at %#x: %w", c.Verb, c.Size, c.Addr, ErrRefused)
}
