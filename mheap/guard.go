package mheap

import (
	"errors"
)

// The span of guarded blocks: a heap has one, made when it is first asked for and kept until Close. Each
// slot has one stretch for a block, a guard unit, between pages that are never accessible:
//
//	┌─ slot i ────────────────────────────────┬─ slot i+1 ─ ...
//	│ inaccessible      │ unit   inaccessible │ inaccessible
//
// A unit that is shut is inaccessible and has no memory; an open one is accessible and backed. The last slot
// has no unit that is used: its inaccessible part ends the last block's. All that is shut counts as untouched.
// A unit is opened and shut by one goroutine at a time.

const (
	// GuardSlot and GuardMax are the bytes of a slot and of the longest block, GuardSlots the slots that are used.
	GuardSlot  = 32 << 10
	GuardSlots = 60
	GuardMax   = PageSize

	guardPages    = (GuardSlots + 1) * GuardSlot >> PageShift
	guardAlign    = 2 << 20 // keeps the span within an arena, and in one huge page
	guardUnitMost = GuardSlot / 2
)

// guards is what a heap knows of its span of guarded blocks. Guarded by the heap's lock.
type guards struct {
	span *Span
	open [GuardSlots]bool // or neither: what the system refused to shut counts as open
}

// ErrNoGuards is the error where no page can be made inaccessible.
var ErrNoGuards = errors.New("pages cannot be made inaccessible")

// GuardBytes is how many bytes a unit has: a page of the heap's and of the system's.
func (h *Heap) GuardBytes() uintptr { return max(PageSize, h.space.System().PageSize()) }

// NewGuards makes the heap's span of guarded blocks, with all units shut. Once it has succeeded it is not
// called again. Errors: ErrNoGuards where there can be none, ErrLimit, and the operating system's; the
// heap is then as it was.
func (h *Heap) NewGuards() (*Span, error) {
	if h.GuardBytes() > guardUnitMost {
		return nil, ErrNoGuards
	}
	h.giving.RLock() // whoever waits for memory waits for what is backed here in passing
	defer h.giving.RUnlock()
	if h.budget.AboveLimit(2*guardAlign) > 0 {
		return nil, ErrLimit
	}
	s, err := h.Alloc(guardPages, Guarded, guardAlign)
	if err != nil {
		return nil, err
	}
	if err := h.decommit(s.base, s.limit()); err != nil {
		h.Free(s)
		return nil, err
	}
	if err := h.space.Protect(s.base, s.Bytes()); err != nil {
		h.FreeEmpty(s)
		if errors.Is(err, errors.ErrUnsupported) {
			err = ErrNoGuards
		}
		return nil, err
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guards = guards{span: s}
	h.shutPages.Store(guardPages)
	h.budget.give(s.Bytes())
	return s, nil
}

// GuardUnit returns the part of slot i for a block, whether it is open or not.
func (h *Heap) GuardUnit(s *Span, i int) (base, limit uintptr) {
	base = s.base + uintptr(i)*GuardSlot + GuardSlot/2
	return base, base + h.GuardBytes()
}

// OpenGuard makes the unit of slot i accessible. It does not read zero if it could not be shut before. Errors:
// ErrLimit, and the operating system's; the unit is then as it was.
func (h *Heap) OpenGuard(s *Span, i int) error {
	base, limit := h.GuardUnit(s, i)
	h.mu.Lock()
	backed := h.guards.open[i]
	h.mu.Unlock()
	if !backed {
		if err := h.budget.take(limit - base); err != nil {
			return err
		}
	}
	if err := h.space.Unprotect(base, limit-base); err != nil {
		if !backed {
			h.budget.give(limit - base)
		}
		return err
	}
	if !backed {
		h.setOpen(i, true)
	}
	return nil
}

// ShutGuard takes the memory of the unit of slot i, which is open, and makes it inaccessible. It tells whether
// the operating system did both; if not the unit counts as open, though it may be inaccessible.
func (h *Heap) ShutGuard(s *Span, i int) (shut bool) {
	base, limit := h.GuardUnit(s, i)
	emptied := h.space.System().Decommit(base, limit-base) == nil
	shut = h.space.Protect(base, limit-base) == nil && emptied
	if shut {
		h.setOpen(i, false)
		h.budget.give(limit - base)
	}
	return shut
}

func (h *Heap) setOpen(i int, open bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.guards.open[i] = open
	h.shutPages.Store(h.guards.shutPages(h.GuardBytes()))
}

// OpenGuards returns how many bytes the open units have.
func (h *Heap) OpenGuards() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.guards.span == nil {
		return 0
	}
	return uint64(h.guards.span.Bytes()) - h.guards.shutPages(h.GuardBytes())<<PageShift
}

// shutPages counts the pages that are inaccessible and without memory. The caller holds the heap's lock.
func (g *guards) shutPages(unit uintptr) uint64 {
	if g.span == nil {
		return 0
	}
	n := uint64(guardPages)
	for _, open := range g.open {
		if open {
			n -= uint64(unit >> PageShift)
		}
	}
	return n
}
