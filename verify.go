package spanheap

import (
	"errors"
	"fmt"

	"github.com/spanheap/spanheap/arena"
)

// Verify recounts everything from the raw structures: pages from spans, slots from their states,
// lists and trees by walking them, and checks that the sum of Stats closes over the arenas. It
// returns nil when every invariant holds, else an error that names those that broke and where: the
// slot or page, and the span with its class, counts and slots' states, as 12L3S for 12 live (N: noted,
// H: held by a cache) and 3 in the span. It takes the heap's locks one after the other; while other
// goroutines allocate or free it may report a count that is about to change, so call it when they are quiet.
func (h *Heap) Verify() error {
	if h.closed.Load() {
		return fmt.Errorf("spanheap: %w", ErrClosed)
	}
	h.upkeep.mu.Lock()
	defer h.upkeep.mu.Unlock()
	err := errors.Join(h.untoldDoubleFree("Verify"), h.pages.Verify(), h.caches.Verify(), h.verifySum(), h.verifyNotes(), h.verifyGuards(), h.verifyChecks())
	if err != nil {
		return fmt.Errorf("spanheap: %s: %w", h.name, err)
	}
	return nil
}

// verifySum checks that spans in use, free pages and pages without memory make up the arenas.
func (h *Heap) verifySum() error {
	s, u := h.Stats(), h.pages.Usage()
	spans := uint64(0)
	for _, c := range s.Classes {
		spans += c.SpanBytes
		if sum := c.Live + c.Rounding + c.SpanTail + c.CachedSlots + c.CentralSlots + c.Hollow; sum != c.SpanBytes {
			return fmt.Errorf("sum of class %s: its columns add up to %d bytes, its spans have %d", c.Name, sum, c.SpanBytes)
		}
	}
	sum := spans + u.FreePages + u.Released + u.Untouched
	if reserved := u.Arenas * arena.Size; sum != reserved {
		return fmt.Errorf("sum of the arenas: spans of %d bytes, %d free, %d released and %d untouched make %d, the arenas have %d",
			spans, u.FreePages, u.Released, u.Untouched, sum, reserved)
	}
	return nil
}
