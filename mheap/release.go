package mheap

import "github.com/spanheap/spanheap/arena"

// Release gives free pages back to the operating system until it has given n bytes or there are no
// more, the largest span first, and returns how many bytes it gave: so it takes a third of the calls
// that the highest address first would, and short spans, which lie among pages in use, go last. A span
// that is longer than what is left to give is cut, but no finer than quantum, and huge pages are given
// whole before any is cut; where there is no memory for a record, it goes whole. The system call is
// made without the heap's lock: the span is releasing meanwhile, and nobody else's. What the operating
// system refuses to take stays free.
func (h *Heap) Release(n uintptr) (released uintptr) {
	h.giving.RLock()
	defer h.giving.RUnlock()
	h.mu.Lock()
	defer h.mu.Unlock()
	h.stockSpares()
	var refused tree // spans that stay, releasing until the end so that nobody joins them
	for released < n {
		s := h.free.largest()
		if s == nil {
			break
		}
		part := h.releasable(s, n-released)
		h.remove(s)
		s.state = stateReleasing
		if part.base < part.limit && h.isolate(s, part) != nil {
			part = h.whole(s)
		}
		if part.base == part.limit {
			refused.insert(s)
			continue
		}
		h.mu.Unlock()
		err := h.decommit(part.base, part.limit)
		h.mu.Lock()
		if err != nil {
			refused.insert(s)
			continue
		}
		s.unmapEdges()
		h.freePages.Add(-pages(part.limit - part.base))
		h.scavPages.Add(pages(part.limit - part.base))
		h.budget.give(part.limit - part.base)
		h.insert(s, stateScav)
		released += part.limit - part.base
	}
	for s := refused.root; s != nil; s = refused.root {
		refused.remove(s)
		s.unmapEdges()
		h.insert(s, stateFree)
	}
	return released
}

// tradeShare is what part of a heap's backed memory is free before Trade gives some back.
const tradeShare = 32

// UseTrade says whether Trade may give memory back, which it may not by default. It is called before the first Alloc.
func (h *Heap) UseTrade(on bool) { h.useTrade = on }

// Trade gives back as much free memory as a large object of so many pages takes from the operating system, if no free span is
// long enough for it: so a heap whose free spans have become short does not grow by them. Where less than twice as much is
// free it does nothing: an object that comes and goes while a small span takes its place would cost new pages each time.
// Nor where little of the heap is free: that is soon wanted again, and each page then costs a fault. Nor where huge pages are
// asked for, which would be torn apart. What is carried to where it can grow trades nothing: it leaves a long free span
// behind, and the next one like it is copied there.
func (h *Heap) Trade(npages uintptr) {
	n, free := npages<<PageShift, h.FreeBytes()
	if h.useTrade && h.huge == HugeOff && free >= 2*uint64(n) && free*tradeShare > h.budget.Backed() && !h.Fits(npages) {
		h.Release(n)
	}
}

// Settle waits until the pages that others were giving back at the call are scav, or free again. Before,
// no allocation finds them, though they count as backed.
func (h *Heap) Settle() {
	h.giving.Lock()
	defer h.giving.Unlock()
}

// quantum is the least number of bytes that a span is cut to for release.
const quantum = 64 << 10

// hugePage is the length to which the operating system may back memory by one page.
const hugePage = 2 << 20

// releasable returns the part of s, a free span, to give back for n bytes: whole physical pages at
// its end, or the last of its huge pages where it has any that may go.
func (h *Heap) releasable(s *Span, n uintptr) piece {
	mask := max(h.space.System().PageSize(), PageSize) - 1
	base, limit := (s.base+mask)&^mask, s.limit()&^mask
	if base >= limit {
		return piece{}
	}
	if n = max(n, quantum); limit-base <= n {
		return piece{base, limit, stateReleasing}
	}
	if first, end := (base+hugePage-1)&^(hugePage-1), limit&^(hugePage-1); first < end && n >= hugePage {
		limit, n = end, min(n&^(hugePage-1), end-first)
	}
	base = (limit - n) &^ mask
	return piece{base, limit, stateReleasing}
}

// whole returns all of s, if it consists of whole physical pages, else nothing.
func (h *Heap) whole(s *Span) piece {
	if start, end := h.physical(s.base, s.limit()); start != s.base || end != s.limit() {
		return piece{}
	}
	return piece{s.base, s.limit(), stateReleasing}
}

// isolate cuts s, which is releasing, to the part; the rest becomes free spans.
func (h *Heap) isolate(s *Span, part piece) error {
	rest := [cutRests]piece{{s.base, part.base, stateFree}, {part.limit, s.limit(), stateFree}}
	var records [len(rest)]*Span
	for i, p := range rest {
		if p.base == p.limit {
			continue
		}
		r, err := h.cutRecord()
		if err != nil {
			if records[0] != nil {
				h.freeRecord(records[0])
			}
			return err
		}
		r.base, r.npages = p.base, (p.limit-p.base)>>PageShift
		records[i] = r
	}
	s.unmapEdges()
	s.base, s.npages = part.base, (part.limit-part.base)>>PageShift
	s.mapEdges()
	for _, r := range records {
		if r != nil {
			h.insert(r, stateFree)
		}
	}
	return nil
}

// decommit gives back [start, end), arena by arena.
func (h *Heap) decommit(start, end uintptr) error {
	for start < end {
		stop := min(end, (start+arena.Size)&^(arena.Size-1))
		if err := h.space.System().Decommit(start, stop-start); err != nil {
			return err
		}
		start = stop
	}
	return nil
}
