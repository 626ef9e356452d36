package mheap

import "errors"

// Large objects that grow where there is no room for them: another span is found, with room for later
// growth behind it where that costs nothing. What goes to memory that lies free is copied; to where there is
// none the pages themselves are moved, if the operating system can do that, which takes neither the time to
// copy nor memory for two. But whoever uses the place next that they were moved from has to fault in new ones,
// each dearer than to copy it.

const (
	// minMove is the length in bytes from which on pages are moved: below, a copy costs little more than the
	// calls, and each move may cost the process a mapping.
	minMove = 1 << 20
	// maxCopy is the length in bytes up to which what could be moved is copied to free memory: some milliseconds' worth.
	maxCopy = 16 << 20
)

// movable tells whether the pages of a span of so many can be moved one by one, and should be: moving tears
// huge pages apart.
func (h *Heap) movable(npages uintptr) bool {
	return npages<<PageShift >= minMove && h.space.System().PageSize() <= PageSize && h.huge == HugeOff
}

// AllocToGrow is Alloc for what is to be carried from s, a large object, to a longer span of its class. The
// span lies so that it can grow in place to twice its length, where there is such a place; backed pages are
// preferred for what can be copied, else pages without memory for what will be moved.
func (h *Heap) AllocToGrow(npages uintptr, s *Span) (*Span, error) {
	record, err := h.newRecord(s.class, npages)
	if err == nil {
		h.mu.Lock()
		from := h.fitToGrow(npages, npages<<PageShift <= maxCopy || !h.movable(s.npages))
		placed := from != nil && h.cut(record, from, npages, PageSize) == nil
		if placed {
			h.enter(record, s.class)
		}
		h.mu.Unlock()
		if placed {
			return record, nil
		}
		h.freeRecord(record)
	}
	return h.Alloc(npages, s.class, 0)
}

func (h *Heap) fitToGrow(npages uintptr, copied bool) *Span {
	if copied {
		for _, n := range []uintptr{2 * npages, npages} {
			if s := h.free.bestFit(n); s != nil {
				return s
			}
		}
	}
	return h.scav.bestFit(2 * npages)
}

// Carry makes dst, a longer object, begin with the bytes of src, of which the first n count; what is behind
// them in the first src.Bytes() bytes of dst is undefined. It tells whether src has no memory any more and
// reads zero, so that FreeEmpty can take it back.
func (h *Heap) Carry(dst, src *Span, n uintptr) (emptied bool) {
	if !h.movable(src.npages) || dst.needZero && dst.Bytes() <= maxCopy {
		copyBytes(dst.base, src.base, n)
		return false
	}
	switch h.carry(dst.base, src.base, src.Bytes()) {
	case src.Bytes():
		return true
	case 0:
		return false
	}
	return h.decommit(src.base, src.limit()) == nil
}

// carry moves n bytes, or copies those that cannot be moved, and returns how many it moved. A range that the
// system refuses may consist of mappings of which it would move each, so its halves are tried.
func (h *Heap) carry(dst, src, n uintptr) (moved uintptr) {
	err := h.space.System().Move(dst, src, n)
	switch {
	case err == nil:
		return n
	case n < 2*minMove || errors.Is(err, errors.ErrUnsupported):
		copyBytes(dst, src, n)
		return 0
	}
	half := n / 2 &^ (PageSize - 1)
	return h.carry(dst, src, half) + h.carry(dst+half, src+half, n-half)
}

// FreeEmpty is Free for an object whose memory was moved away.
func (h *Heap) FreeEmpty(s *Span) { h.giveBack(s, stateScav) }
