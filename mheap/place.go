package mheap

import (
	"fmt"

	"github.com/spanheap/spanheap/arena"
)

// Placement: where a span comes from. Everything here runs under the heap's lock, and either does
// all of its work or, when the operating system, the metadata or a limit refuses, none that shows.

// place finds npages that begin at a multiple of align, and makes record the span over them.
func (h *Heap) place(record *Span, npages, align uintptr) (*Span, error) {
	need := npages + align>>PageShift - 1
	if npages == 0 || need < npages || need > maxPages {
		return nil, errTooLarge
	}
	for {
		if from := h.fit(need); from != nil {
			err := h.cut(record, from, npages, align)
			if err != nil && from.state == stateScav {
				if from = h.free.bestFit(need); from != nil { // larger, but it has its memory
					err = h.cut(record, from, npages, align)
				}
			}
			return record, err
		}
		joined, err := h.join(need)
		if err == nil && !joined {
			if err = h.budget.admit(npages << PageShift); err == nil { // else an arena would come to no use
				err = h.grow(need)
			}
		}
		if err != nil {
			return nil, err
		}
	}
}

// maxPages bounds a request so that its length in bytes can be computed with.
const maxPages = ^uintptr(0) >> PageShift >> 1

// longFree is how many times as long as the best fit of the scav tree that of the free tree may be. What is backed already takes
// no more memory; but a longer span that is nibbled is missed by the next large object.
const longFree = 16

// fit returns the best fit of the free tree, or that of the scav tree where there is none or it is too long.
func (h *Heap) fit(npages uintptr) *Span {
	free, scav := h.free.bestFit(npages), h.scav.bestFit(npages)
	if free == nil || scav != nil && free.npages > longFree*scav.npages {
		return scav
	}
	return free
}

// piece is what a cut leaves of a span.
type piece struct {
	base, limit uintptr
	state       spanState
}

// cut makes record the span of npages at the first multiple of align in from, commits it, and
// leaves the rest of from as it was; but what shares a physical page with committed pages becomes
// free, since the operating system backs physical pages.
func (h *Heap) cut(record, from *Span, npages, align uintptr) error {
	start := (from.base + align - 1) &^ (align - 1)
	end := start + npages<<PageShift
	backedStart, backedEnd := start, end
	if from.state == stateScav {
		backedStart, backedEnd = h.physical(start, end)
	}
	pieces := [...]piece{
		{from.base, backedStart, from.state},
		{backedStart, start, stateFree},
		{end, backedEnd, stateFree},
		{backedEnd, from.limit(), from.state},
	}

	records := [len(pieces)]*Span{from} // of the pieces that are not empty
	n := 0
	for _, p := range pieces {
		if p.base == p.limit {
			continue
		}
		if n > 0 {
			r, err := h.newRecord(LargeNoscan, 1)
			if err != nil {
				h.freeRecords(records[1:n])
				return err
			}
			records[n] = r
		}
		n++
	}
	if from.state == stateScav {
		if err := h.commit(backedStart, backedEnd); err != nil {
			h.freeRecords(records[min(n, 1):n])
			return err
		}
		h.scavPages.Add(-pages(backedEnd - backedStart))
		h.freePages.Add(pages(backedEnd - backedStart))
	}
	h.freePages.Add(-pages(end - start))

	record.base, record.npages = start, npages
	record.needZero = from.state == stateFree
	h.remove(from)
	from.unmapEdges()
	if n == 0 {
		h.freeRecord(from)
	}
	n = 0
	for _, p := range pieces {
		if p.base != p.limit {
			r := records[n]
			r.base, r.npages = p.base, (p.limit-p.base)>>PageShift
			h.insert(r, p.state)
			n++
		}
	}
	return nil
}

func (h *Heap) freeRecords(records []*Span) {
	for _, r := range records {
		h.freeRecord(r)
	}
}

// pages counts the pages of n bytes; the result may be subtracted by adding its negative.
func pages(n uintptr) uint64 { return uint64(n >> PageShift) }

// physical widens [start, end) to whole physical pages, where these are larger than a page. A scav
// span consists of whole physical pages, so the result stays within the one that holds the range.
func (h *Heap) physical(start, end uintptr) (uintptr, uintptr) {
	mask := max(h.space.System().PageSize(), PageSize) - 1
	return start &^ mask, (end + mask) &^ mask
}

// join makes one free span of at least npages from neighbours that are free and scav in turn,
// committing no more of them than it must. It tells whether there was such a run.
func (h *Heap) join(npages uintptr) (bool, error) {
	if uintptr(h.freePages.Load()+h.scavPages.Load()) < npages {
		return false, nil
	}
	for s := h.free.largest(); s != nil; s = h.free.before(s) {
		first, total := s, s.npages
		for p := h.prevOf(first); idle(p) && total < npages; p = h.prevOf(first) {
			first, total = p, total+p.npages
		}
		for p := h.nextOf(s); idle(p) && total < npages; p = h.nextOf(p) {
			total += p.npages
		}
		if total >= npages {
			return true, h.back(first, npages)
		}
	}
	return false, nil
}

// idle tells whether s is a span that can be joined with a neighbour.
func idle(s *Span) bool { return s != nil && (s.state == stateFree || s.state == stateScav) }

// back makes a free span of at least npages from the run of idle spans that begins with s: it backs
// one scav span after the other, which joins the free ones around it.
func (h *Heap) back(s *Span, npages uintptr) error {
	for s.state != stateFree || s.npages < npages {
		base := s.base
		if s.state == stateFree {
			s = h.nextOf(s)
		}
		_, end := h.physical(s.base, base+npages<<PageShift)
		if s.limit() > end {
			if err := h.split(s, (end-s.base)>>PageShift); err != nil {
				return err
			}
		}
		err := h.commit(s.base, s.limit())
		h.remove(s)
		s.unmapEdges()
		if err != nil {
			h.insert(s, stateScav) // joined again with what was split off
			return err
		}
		h.scavPages.Add(-uint64(s.npages))
		h.freePages.Add(uint64(s.npages))
		s = h.insert(s, stateFree)
	}
	return nil
}

// split shortens s, which is in a tree, to npages; the rest becomes a span of the same state. The
// two are neighbours of one state until the caller changes the first's.
func (h *Heap) split(s *Span, npages uintptr) error {
	rest, err := h.newRecord(LargeNoscan, 1)
	if err != nil {
		return err
	}
	t := h.treeOf(s.state)
	t.remove(s)
	s.unmapEdges()
	rest.base, rest.npages, rest.state = s.base+npages<<PageShift, s.npages-npages, s.state
	s.npages = npages
	s.mapEdges()
	rest.mapEdges()
	t.insert(s)
	t.insert(rest)
	return nil
}

// grow takes arenas for npages from the address space, right behind the last ones if it can.
func (h *Heap) grow(npages uintptr) error {
	n := int((npages + pagesPerArena - 1) / pagesPerArena)
	after := uintptr(0)
	if last := len(h.arenas) - 1; last >= 0 {
		after = h.arenas[last].region.Base + arena.Size
	}
	record, err := h.newRecord(LargeNoscan, 1)
	if err != nil {
		return err
	}
	regions, err := h.space.Take(n, after)
	if err != nil {
		h.freeRecord(record)
		return err
	}
	known := len(h.arenas)
	for _, r := range regions {
		p, err := h.meta.Alloc(arenaRecordSize)
		if err == nil {
			a := arenaAt(p)
			a.Heap, a.region = h.id, r
			h.arenas = append(h.arenas, a)
			if !a.publish() {
				err = fmt.Errorf("arena at %#x lies outside the addresses that can be looked up", r.Base)
			}
		}
		if err != nil {
			for _, a := range h.arenas[known:] {
				a.retract()
				h.meta.Free(addressOfArena(a), arenaRecordSize)
			}
			h.arenas = h.arenas[:known]
			h.freeRecord(record)
			h.space.Give(regions)
			return err
		}
	}
	for _, r := range regions {
		h.untouchedBytes.Add(uint64(r.Untouched()))
	}
	h.arenaCount.Add(uint64(n))
	h.scavPages.Add(uint64(n) * pagesPerArena)
	record.base, record.npages = regions[0].Base, uintptr(n)*pagesPerArena
	h.insert(record, stateScav)
	h.stockSpares()
	return nil
}

// commit makes [start, end) usable, arena by arena, and counts it as backed.
func (h *Heap) commit(start, end uintptr) error {
	n := end - start
	if err := h.budget.take(n); err != nil {
		return err
	}
	for start < end {
		a := ArenaOf(start)
		stop := min(end, a.region.Base+arena.Size)
		untouched := a.region.Untouched()
		if err := a.region.Commit(h.space.System(), start, stop-start); err != nil {
			h.budget.give(n)
			return err
		}
		h.untouchedBytes.Add(-uint64(untouched - a.region.Untouched()))
		h.committedBytes.Add(uint64(stop - start))
		start = stop
	}
	return nil
}
