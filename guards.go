package spanheap

import (
	"errors"
	"math/rand/v2"
	"sync/atomic"

	"github.com/spanheap/spanheap/internal/callstack"
	"github.com/spanheap/spanheap/internal/lockrank"
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
)

// Guards: a few of the sampled blocks lie at an end of pages of their own, between pages that are never
// accessible, and their pages become inaccessible with their free. A guarded block has a note like every
// sampled one; its slot belongs to the span of guarded blocks, which no fast path knows. The slot of the
// block that was freed longest ago is the next to be used.

const (
	// DefaultGuard is the value of Options.Guard that 0 stands for.
	DefaultGuard = 250_000

	// NoGuard is the value of Options.Guard for no guarded blocks.
	NoGuard = -1
)

const (
	guardDepth    = 32 // frames of a guarded block's stacks that are kept, innermost first
	maxGuardPools = 16 // heaps that have a span of guarded blocks; each may cost 120 mappings
)

// guardPools counts the heaps that have a span of guarded blocks.
var guardPools atomic.Int32

// guardDefault is what 0 stands for.
var guardDefault = DefaultGuard

// guards are a heap's guarded blocks. They are safe for concurrent use.
type guards struct {
	every uint64 // one block in so many is guarded, or none for 0; immutable

	mu        lockrank.Mutex // guards what follows
	refused   bool           // there will be no span
	span      *mheap.Span    // nil before the first guarded block
	blocks    []guardedBlock // by their slot; of those that were never used the address is 0
	frees     uint64         // of guarded blocks
	live      uint64         // blocks
	requested uint64         // bytes asked for, of the live blocks
}

// guardedBlock is the block that a slot has, or had last.
type guardedBlock struct {
	addr, size       uintptr
	class            mheap.SpanClass // the class that it would be of, were it not guarded
	live             bool
	open             bool   // it lives, or the system refused to shut its pages
	freedAs          uint64 // which of all frees was its; 0 for a slot that was never used
	allocated, freed [guardDepth]uintptr
}

func (g *guards) init(option int) {
	g.mu.Init(lockrank.Guards)
	switch {
	case settings.Guard >= 0:
		option = settings.Guard
	case option == 0:
		option = guardDefault
	}
	g.every = uint64(max(option, 0))
}

// sampleRate is the rate with which a heap samples: so often that one block in g.every can be guarded, of
// 8 bytes and more.
func (g *guards) sampleRate(profile uintptr) uintptr {
	if g.every == 0 || g.every > maxProfileRate/8 {
		return profile
	}
	return min(profile, uintptr(g.every)*8-7)
}

// chosen tells whether a block of n bytes is to be guarded that was sampled with the rate. Small blocks are
// sampled more rarely, so that they are guarded more often when they are: one in g.every of all.
func (g *guards) chosen(n, rate uintptr) bool {
	return g.every > 0 && n <= mheap.GuardMax && rand.Uint64N(g.every*weightOne) < weightOf(n, rate)
}

// guard returns the address of a guarded block of n bytes in place of the block at p, which is sampled with the
// rate, Live and the caller's; or p, if it is not to be guarded or cannot be. The slot at p goes to own, as by free.
func (h *Heap) guard(own *mcache.Cache, p, n, rate uintptr) uintptr {
	if !h.guards.chosen(n, rate) {
		return p
	}
	e := mheap.EntryOf(p)
	if e.Class().Large() {
		return p
	}
	guarded := h.newGuarded(n, e.Class())
	if guarded == 0 {
		return p
	}
	state, _ := e.Slot(p)
	if was, won := h.freeState(p, state); won {
		h.takeBack(own, e, p, state, n, was)
	}
	return guarded
}

// newGuarded returns the address of a guarded block, which is Live, or 0. At the end of its pages too it has all
// the bytes, and so the alignment, that a slot of the class has.
func (h *Heap) newGuarded(n uintptr, class mheap.SpanClass) uintptr {
	g := &h.guards
	g.mu.Lock()
	defer g.mu.Unlock()
	i := h.nextGuardSlot()
	if i < 0 || h.pages.OpenGuard(g.span, i) != nil {
		return 0
	}
	p, limit := h.pages.GuardUnit(g.span, i)
	if rand.Uint32()&1 == 0 {
		p = limit - class.Layout().Bytes
	}
	b := &g.blocks[i]
	*b = guardedBlock{addr: p, size: n, class: class, live: true, open: true}
	callstack.PCs(b.allocated[:])
	g.live++
	g.requested += uint64(n)
	mheap.SetSlotState(g.span.State(uintptr(i)), mheap.Live)
	tellWatcher(h.name, g.slotStart(i), b)
	return p
}

// nextGuardSlot returns the slot whose block was freed longest ago, or -1. The caller holds the guards' lock.
func (h *Heap) nextGuardSlot() int {
	g := &h.guards
	if g.span == nil && !h.openGuards() {
		return -1
	}
	next := -1
	for i := range g.blocks {
		if b := &g.blocks[i]; !b.live && (next < 0 || b.freedAs < g.blocks[next].freedAs) {
			next = i
		}
	}
	return next
}

// openGuards makes the span of guarded blocks, and tells whether it could. The caller holds the guards' lock.
func (h *Heap) openGuards() bool {
	g := &h.guards
	if g.refused {
		return false
	}
	if guardPools.Add(1) > maxGuardPools {
		guardPools.Add(-1)
		return false
	}
	span, err := h.pages.NewGuards()
	if err != nil {
		guardPools.Add(-1)
		g.refused = errors.Is(err, mheap.ErrNoGuards)
		return false
	}
	g.span, g.blocks = span, make([]guardedBlock, mheap.GuardSlots)
	return true
}

// freeGuarded ends the guarded block at p, whose state is Held.
func (h *Heap) freeGuarded(p uintptr) {
	g := &h.guards
	g.mu.Lock()
	defer g.mu.Unlock()
	i := g.slotOf(p)
	b := &g.blocks[i]
	b.live = false
	g.frees++
	b.freedAs = g.frees
	callstack.PCs(b.freed[:])
	g.live--
	g.requested -= uint64(b.size)
	mheap.SetSlotState(g.span.State(uintptr(i)), mheap.InSpan)
	tellWatcher(h.name, g.slotStart(i), b)
	b.open = !h.pages.ShutGuard(g.span, i)
}

// shutGuards repeats what the system refused when blocks were freed.
func (h *Heap) shutGuards() {
	g := &h.guards
	g.mu.Lock()
	defer g.mu.Unlock()
	for i := range g.blocks {
		if b := &g.blocks[i]; b.open && !b.live && h.pages.OpenGuard(g.span, i) == nil {
			b.open = !h.pages.ShutGuard(g.span, i)
		}
	}
}

// slotOf returns the slot that holds address p of the span. The caller holds the lock.
func (g *guards) slotOf(p uintptr) int { return int((p - g.span.Base()) / mheap.GuardSlot) }

// slotStart returns where slot i begins. The caller holds the lock.
func (g *guards) slotStart(i int) uintptr { return g.span.Base() + uintptr(i)*mheap.GuardSlot }

// at returns the block that the slot around p has, or had last; its address is 0 if there was none.
func (g *guards) at(p uintptr) guardedBlock {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.span == nil || p-g.span.Base() >= mheap.GuardSlots*mheap.GuardSlot {
		return guardedBlock{}
	}
	return g.blocks[g.slotOf(p)]
}

// kind says what is wrong with an address in the span of guarded blocks; 0 when a live block begins there.
func (g *guards) kind(p uintptr) MisuseKind {
	state, _ := mheap.EntryOf(p).Slot(p)
	switch {
	case !mheap.Allocated(mheap.SlotState(state)):
		return DoubleFree
	case g.at(p).addr != p:
		return InteriorAddress
	}
	return 0
}

// drop forgets all guarded blocks of a heap that is being closed.
func (g *guards) drop() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.span != nil {
		guardPools.Add(-1)
		for i := range g.blocks {
			tellWatcher("", g.slotStart(i), &guardedBlock{})
		}
	}
	g.span, g.blocks, g.refused = nil, nil, true
}
