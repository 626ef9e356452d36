package mheap

import (
	"errors"

	"github.com/spanheap/spanheap/arena"
)

// Large objects that change their length where they lie. What they need they take from the idle spans
// right behind them, of whatever state, backing no more than they must; what they leave becomes a free
// span. The object is the caller's, its slot Held meanwhile: nobody else resizes, frees or uses it.

var errNoRoom = errors.New("too few idle pages behind the span")

// Extend makes s, a large object, npages long, which is more than it has. Memory from old on may hold
// what others wrote, up to dirty; behind it reads zero. The error tells that there is no room, or is the
// operating system's, the metadata's or a limit's, and leaves s as it was.
func (h *Heap) Extend(s *Span, npages uintptr) (dirty uintptr, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if npages > maxPages {
		return 0, errTooLarge
	}
	need := npages - s.npages
	room, end := h.roomBehind(s, need)
	if room < need && h.isEnd(end) && h.fit(npages) == nil { // elsewhere there is no room either
		if err := h.budget.admit((need - room) << PageShift); err != nil { // else an arena would come to no use
			return 0, err
		}
		if err := h.grow(need - room); err != nil {
			return 0, err
		}
		room, _ = h.roomBehind(s, need)
	}
	if room < need {
		return 0, errNoRoom
	}
	dirty = h.oldBytesBehind(s, need)
	next := h.nextOf(s)
	if err := h.back(next, need); err != nil {
		return 0, err
	}
	next = h.nextOf(s)
	h.freePages.Add(-uint64(need))
	h.largePages.Add(uint64(need))
	h.remove(next)
	next.unmapEdges()
	if next.npages == need {
		h.freeRecord(next)
	} else {
		next.base += need << PageShift
		next.npages -= need
		h.insert(next, stateFree)
	}
	from := s.npages
	s.npages = npages
	s.mapPages(from)
	h.count(s.base+from<<PageShift, need, true)
	h.noteUse()
	return dirty, nil
}

// roomBehind returns how many pages the run of idle spans behind s has, looking no further than enough, and
// where what was looked at ends.
func (h *Heap) roomBehind(s *Span, enough uintptr) (npages, end uintptr) {
	end = s.limit()
	for next := h.nextOf(s); idle(next) && npages < enough; next = h.nextOf(next) {
		npages, end = npages+next.npages, next.limit()
	}
	return npages, end
}

// oldBytesBehind returns the end of the last free span's part of the npages behind s, or the end of s.
func (h *Heap) oldBytesBehind(s *Span, npages uintptr) uintptr {
	old, limit := s.limit(), s.limit()+npages<<PageShift
	for next := h.nextOf(s); idle(next) && next.base < limit; next = h.nextOf(next) {
		if next.state == stateFree {
			old = min(next.limit(), limit)
		}
	}
	return old
}

// isEnd tells whether p is where the heap would like to grow.
func (h *Heap) isEnd(p uintptr) bool { return p == h.arenas[len(h.arenas)-1].region.Base+arena.Size }

// Shorten makes s, a large object, npages long, which is fewer than it has and above 0. It tells whether it
// could: the rest needs a record.
func (h *Heap) Shorten(s *Span, npages uintptr) bool {
	rest, err := h.newRecord(LargeNoscan, 1)
	if err != nil {
		return false
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	rest.base, rest.npages = s.base+npages<<PageShift, s.npages-npages
	rest.unmapSpan()
	h.count(rest.base, rest.npages, false)
	s.npages = npages
	h.largePages.Add(-uint64(rest.npages))
	h.freePages.Add(uint64(rest.npages))
	h.insert(rest, stateFree)
	return true
}
