package spanheap

import (
	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
)

// Large blocks change their size by pages: in place where they can, else by moving pages, else by copying.
// Meanwhile the block's slot is Held, so that a free of it by somebody else is the misuse that it is.

// slack is the part of a large block, one in so many, that must be saved for a smaller size to give pages
// back: a size that goes up and down a little costs nothing.
const slack = 8

// reallocLarge is Realloc of a large block to n bytes, which make a large block too.
func (h *Heap) reallocLarge(b []byte, e mheap.Entry, n uintptr) ([]byte, error) {
	p, span, state := addressOf(b), e.Span(), e.States()
	was, won := h.holdLarge(span, p)
	if !won {
		panic(misuse("Realloc", DoubleFree, p))
	}
	old := span.Bytes()
	asked := min(uintptr(cap(b)), old)
	dirty, err := h.resize(span, n)
	if err != nil {
		stays := true // also if OnLimit panics
		defer func() {
			if stays {
				mheap.Unfree(mheap.Slot{Addr: p, State: state}, span.Class(), was)
			}
		}()
		moved, err := h.carry(b, span, n, was == mheap.Noted)
		stays = err != nil
		return moved, err
	}
	h.caches.Recount(span.Class(), n-asked)
	born := unknownBirth
	if was == mheap.Noted {
		born = h.notes.end(p)
	}
	mheap.SetSlotState(state, mheap.Live)
	if rate := h.caches.Sample(n); rate != 0 {
		h.noteSized(p, n, rate, born, false)
	}
	return grownTo(p, len(b), n, dirty), nil
}

// holdLarge is hold for the large block at p. Where another cache owns it, it waits, so that no cache does afterwards.
func (h *Heap) holdLarge(span *mheap.Span, p uintptr) (was uint8, won bool) {
	state := span.States()
	h.disown(state)
	was, won = hold(state)
	if won && mheap.Owned(was) {
		return mheap.Live, mcache.AwaitOwner(mheap.Slot{Addr: p, State: state}, span.Class())
	}
	return was, won
}

// disown makes the large block at the state, if the P's cache owns it, one that no cache owns.
//
//go:noinline
//go:nosplit
func (h *Heap) disown(state uintptr) {
	c := h.caches.Visit(mcache.Here())
	c.Disown(state)
	h.caches.Done(c)
}

// resize makes the span, which is large, long enough for n bytes where it lies, and returns how many bytes
// from its start on may not be zero.
func (h *Heap) resize(span *mheap.Span, n uintptr) (dirty uintptr, err error) {
	old, want := span.Bytes(), goodSize(n)
	switch {
	case want > old:
		end, err := h.pages.Extend(span, want>>mheap.PageShift)
		return end - span.Base(), err
	case old-want >= old/slack:
		raceFree(span.Base()+want, old-want)
		h.pages.Shorten(span, want>>mheap.PageShift) // or it stays as long as it is
	}
	return old, nil
}

// carry is Realloc to a span that is longer, of a block that has a note or none.
func (h *Heap) carry(b []byte, span *mheap.Span, n uintptr, noted bool) ([]byte, error) {
	old := span.Bytes()
	var to *mheap.Span
	var zero bool
	_, err := h.obtain(nil, n, func() (p, rate uintptr, err error) {
		if to, zero, rate, err = h.allocToGrow(span, n); err != nil {
			return 0, 0, err
		}
		return to.Base(), rate, nil
	})
	if err != nil {
		return nil, err
	}
	raceAlloc(to.Base(), n)
	emptied := h.pages.Carry(to, span, uintptr(len(b)))
	asked := min(uintptr(cap(b)), old)
	raceFree(span.Base(), asked)
	if noted {
		h.notes.end(span.Base())
	}
	h.caches.FreeCarried(span, asked, emptied)
	dirty := old
	if !zero {
		dirty = n
	}
	return grownTo(to.Base(), len(b), n, dirty), nil
}

// allocToGrow returns a span for n bytes, for what is in another, and tells whether it reads zero. The rate is
// that with which it is to be sampled, or 0.
func (h *Heap) allocToGrow(from *mheap.Span, n uintptr) (to *mheap.Span, zero bool, rate uintptr, err error) {
	if from.Class() == mheap.LargeNoscan {
		if p := h.popLarge(n); p != 0 {
			return mheap.SpanOf(p), false, 0, nil
		}
	}
	return h.caches.AllocToGrow(from, n)
}

// grownTo returns the n bytes at p, zero behind the first kept; behind dirty they are zero already.
func grownTo(p uintptr, kept int, n, dirty uintptr) []byte {
	b := bytesAt(p, int(n))
	if dirty = min(dirty, n); uintptr(kept) < dirty {
		clear(b[kept:dirty])
	}
	return b
}
