package mheap

import (
	"cmp"
	"errors"
	"fmt"
	"slices"

	"github.com/spanheap/spanheap/arena"
)

// Usage is where the bytes of a page heap are. FreePages, Released and Untouched together with the
// spans in use make up the arenas: Arenas*arena.Size.
type Usage struct {
	FreePages uint64 // backed, in no span in use
	Released  uint64 // given back to the operating system
	Untouched uint64 // never used, or shut
	Shut      uint64 // of Untouched, inaccessible pages around and of guarded blocks
	Arenas    uint64 // number of arenas

	HugeAsked uint64 // of arenas for which the system is asked for huge pages

	LargeSpans uint64 // number of large objects
	LargeBytes uint64 // bytes of their spans

	Metadata         uint64 // backed bytes of records and tables
	MetadataReserved uint64 // address space of records and tables
}

// Usage returns where the bytes are, stopping nobody.
func (h *Heap) Usage() (u Usage) {
	u.FreePages = h.freePages.Load() << PageShift
	u.Untouched = h.untouchedBytes.Load()
	u.Released = h.scavPages.Load()<<PageShift - u.Untouched
	u.Shut = h.shutPages.Load() << PageShift
	u.Untouched += u.Shut
	u.Arenas = h.arenaCount.Load()
	u.HugeAsked = h.hugeBytes.Load()
	u.LargeSpans = h.largeSpans.Load()
	u.LargeBytes = h.largePages.Load() << PageShift
	u.Metadata, u.MetadataReserved = h.meta.Backed()
	return u
}

// Walk calls f for every span in use, in address order, under the heap's lock.
func (h *Heap) Walk(f func(*Span)) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_ = h.walk(func(s *Span) error {
		if s.state == stateInUse {
			f(s)
		}
		return nil
	})
}

// walk calls f for every span, in whatever state, in address order, until f returns an error.
func (h *Heap) walk(f func(*Span) error) error {
	arenas := slices.Clone(h.arenas)
	slices.SortFunc(arenas, func(a, b *Arena) int { return cmp.Compare(a.region.Base, b.region.Base) })
	p := uintptr(0)
	for _, a := range arenas {
		p = max(p, a.region.Base) // a span may have begun in the arena before
		for p < a.region.Base+arena.Size {
			s := a.Entry(p).Span()
			if s == nil {
				return fmt.Errorf("coverage: page %#x of arena %#x is in no span", p, a.region.Base)
			}
			if s.base != p {
				return fmt.Errorf("coverage: page %#x, where a span should begin, is mapped to %v", p, s)
			}
			if err := f(s); err != nil {
				return err
			}
			p = s.limit()
		}
	}
	return nil
}

// Verify recounts every counter from the spans, and checks that spans cover the arenas, that no
// neighbours of one state lie apart, and that the trees hold what they should, in order. It takes
// the heap's lock. Spans being released at the moment count as free.
func (h *Heap) Verify() error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var free, scav, large, largePages, hollow uint64
	var nfree, nscav uintptr
	var before *Span
	err := h.walk(func(s *Span) error {
		if before != nil && before.limit() == s.base && before.state == s.state && idle(s) {
			return fmt.Errorf("coalescing: neighbours lie apart: %v and %v", before, s)
		}
		before = s
		switch s.state {
		case stateFree:
			nfree++
			free += uint64(s.npages)
		case stateReleasing:
			free += uint64(s.npages)
		case stateScav:
			nscav++
			scav += uint64(s.npages)
			if start, end := h.physical(s.base, s.limit()); start != s.base || end != s.limit() {
				return fmt.Errorf("physical pages: %v does not consist of whole ones", s)
			}
		case stateInUse:
			if s.class.Large() {
				large++
				largePages += uint64(s.npages)
			}
			hollow += uint64(s.Hollow())
			if s.hollow != 0 && s.hollow&^h.covered(s) != 0 {
				return fmt.Errorf("%v: grains %#x were given back, free slots cover %#x", s, s.hollow, h.covered(s))
			}
			return s.verifyEntries()
		default:
			return fmt.Errorf("span state: %v", s)
		}
		return nil
	})
	if err != nil {
		return err
	}
	var untouched, asked uint64
	for _, a := range h.arenas {
		untouched += uint64(a.region.Untouched())
		asked += uint64(a.asked) * arena.Size
		if h.huge == HugeOff {
			continue
		}
		if used := a.pagesInUse(); used != a.used {
			return fmt.Errorf("pages in use: arena %#x: %d pages count as used, a recount says %d", a.region.Base, a.used, used)
		}
	}
	return errors.Join(
		h.free.verify(stateFree, nfree), h.scav.verify(stateScav, nscav),
		recount("free pages", h.freePages.Load(), free),
		recount("scav pages", h.scavPages.Load(), scav),
		recount("hollow bytes", h.hollowBytes.Load(), hollow),
		h.recountBacked(),
		recount("untouched bytes", h.untouchedBytes.Load(), untouched),
		recount("huge bytes", h.hugeBytes.Load(), asked),
		recount("arenas", h.arenaCount.Load(), uint64(len(h.arenas))),
		recount("large spans", h.largeSpans.Load(), large),
		recount("shut pages", h.shutPages.Load(), h.guards.shutPages(h.GuardBytes())),
		recount("large pages", h.largePages.Load(), largePages),
	)
}

func (a *Arena) pagesInUse() (n uint32) {
	for i := range a.entries {
		if Entry(a.entries[i]).InUse() {
			n++
		}
	}
	return n
}

// recountBacked compares what the budget counts with the pages and the metadata that are backed. The caller
// holds h.mu.
func (h *Heap) recountBacked() error {
	h.meta.mu.Lock()
	defer h.meta.mu.Unlock()
	pages := h.arenaCount.Load()*pagesPerArena - h.scavPages.Load() - h.shutPages.Load()
	return recount("backed bytes", h.budget.Backed(), pages<<PageShift-h.hollowBytes.Load()+h.meta.backed)
}

func recount(what string, counter, counted uint64) error {
	if counter != counted {
		return fmt.Errorf("count of %s: the counter says %d, a recount %d", what, int64(counter), counted)
	}
	return nil
}

// verifyEntries checks that every page of s, which is in use, is mapped to it.
func (s *Span) verifyEntries() error {
	for p := s.base; p < s.limit(); p += PageSize {
		e := EntryOf(p)
		if e.Span() != s || e.Class() != s.class || e.Offset(p) != min(p-s.base, 255<<PageShift) {
			return fmt.Errorf("page map: page %#x (number %d of its span) has the entry %#x: %v", p, (p-s.base)>>PageShift, uint64(e), s)
		}
	}
	return nil
}

// verify checks the tree's links, order and priorities, and that it holds n spans, all of the state.
func (t *tree) verify(state spanState, n uintptr) error {
	if t.n != n {
		return fmt.Errorf("tree count: the tree of %v spans holds %d, the heap has %d", state, t.n, n)
	}
	count := uintptr(0)
	var last *Span
	var visit func(s, parent *Span) error
	visit = func(s, parent *Span) error {
		if s == nil {
			return nil
		}
		if count++; count > n {
			return fmt.Errorf("tree loop: the tree of %v spans reaches more than its %d, again %v", state, n, s)
		}
		switch {
		case s.parent != parent:
			return fmt.Errorf("tree links: in the tree of %v spans the parent of %v is %v", state, s, parent)
		case parent != nil && s.priority < parent.priority:
			return fmt.Errorf("tree priorities: in the tree of %v spans %v is of %d, its parent of %d", state, s, s.priority, parent.priority)
		case s.state != state:
			return fmt.Errorf("tree states: the tree of %v spans has %v", state, s)
		}
		if err := visit(s.left, s); err != nil {
			return err
		}
		if last != nil && !less(last.npages, last.base, s) {
			return fmt.Errorf("tree order: in the tree of %v spans %v comes before %v", state, last, s)
		}
		last = s
		return visit(s.right, s)
	}
	if err := visit(t.root, nil); err != nil {
		return err
	}
	if count != n {
		return fmt.Errorf("tree count: the tree of %v spans reaches %d of %d", state, count, n)
	}
	return nil
}
