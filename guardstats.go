package spanheap

import (
	"fmt"

	"github.com/spanheap/spanheap/internal/statpage"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
)

// guarded names the class of guarded blocks.
const guarded = "guarded"

// guardStats counts the guarded blocks. Of their span the accessible pages count alone, the others are
// untouched. The blocks were counted when they were allocated, by the class of their size.
func (h *Heap) guardStats() (c classCounts) {
	g := &h.guards
	g.mu.Lock()
	defer g.mu.Unlock()
	c.Name, c.class = guarded, statpage.Guarded
	if g.span == nil {
		return c
	}
	c.Size = uint64(h.pages.GuardBytes())
	c.SpanBytes = h.pages.OpenGuards()
	c.Slots = c.SpanBytes / c.Size
	c.Spans = min(c.Slots, 1)
	c.LiveSlots, c.blocks, c.Live = g.live, g.live, g.requested
	c.Rounding = c.LiveSlots*c.Size - c.Live
	c.CentralSlots = c.SpanBytes - c.LiveSlots*c.Size
	switch free := c.Slots - c.LiveSlots; {
	case free == 0:
		c.full = c.Spans
	default:
		c.roomy[min(free*mcentral.Occupancies/c.Slots, mcentral.Occupancies-1)] = c.Spans
	}
	return c
}

// verifyGuards checks that the slots' states and the counts tell what the guarded blocks are.
func (h *Heap) verifyGuards() error {
	g := &h.guards
	g.mu.Lock()
	defer g.mu.Unlock()
	var live, requested uint64
	for i := range g.blocks {
		b, state := &g.blocks[i], mheap.SlotState(g.span.State(uintptr(i)))
		if b.live != mheap.Allocated(state) {
			return fmt.Errorf("guards: block %#x of slot %d is live: %t, its state is %#x: %v", b.addr, i, b.live, state, g.span)
		}
		if !b.live {
			continue
		}
		live++
		requested += uint64(b.size)
		if base, limit := h.pages.GuardUnit(g.span, i); b.addr < base || b.addr+b.size > limit {
			return fmt.Errorf("guards: block %#x of %d bytes of slot %d lies outside %#x..%#x: %v", b.addr, b.size, i, base, limit, g.span)
		}
	}
	if live != g.live || requested != g.requested {
		return fmt.Errorf("guards: the counts say %d blocks of %d bytes, a recount %d of %d", g.live, g.requested, live, requested)
	}
	return nil
}
