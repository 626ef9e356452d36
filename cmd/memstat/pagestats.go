package main

import (
	"cmp"
	"slices"
	"strconv"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/statpage"
)

// What a page says, in the terms of spanheap.Stats.

// totalOf returns the sum of a page's heaps.
func totalOf(p *statpage.Page) statpage.Heap {
	var total statpage.Heap
	for i := range p.Heaps {
		total.Add(&p.Heaps[i])
	}
	slices.SortFunc(total.Rows, func(a, b statpage.Row) int { return cmp.Compare(a.Class, b.Class) })
	return total
}

func statsOf(h *statpage.Heap) spanheap.Stats {
	s := spanheap.Stats{
		Live: h.Live, Rounding: h.Rounding, SpanTail: h.SpanTail, CachedSlots: h.CachedSlots, CentralSlots: h.CentralSlots,
		FreePages: h.FreePages, Metadata: h.Metadata, Backed: h.Backed, Released: h.Released, Mapped: h.Mapped,
		Untouched: h.Untouched, Reserved: h.Reserved, Guards: h.Guards, HugeAsked: h.HugeAsked,
		LiveBlocks: h.LiveBlocks, Mallocs: h.Mallocs, Frees: h.Frees, Spans: h.Spans, Arenas: h.Arenas,
		Classes: []spanheap.ClassStats{},
	}
	for i := range h.Rows {
		s.Classes = append(s.Classes, classOf(&h.Rows[i]))
	}
	return s
}

func classOf(r *statpage.Row) spanheap.ClassStats {
	c := spanheap.ClassStats{
		Name: className(r.Class), Size: r.Size, Spans: r.Spans, SpanBytes: r.SpanBytes, Slots: r.Slots, LiveSlots: r.LiveSlots,
		Live: r.Live, Rounding: r.Rounding, SpanTail: r.SpanTail, CachedSlots: r.CachedSlots, CentralSlots: r.CentralSlots,
	}
	c.Hollow = c.SpanBytes - min(c.Live+c.Waste(), c.SpanBytes)
	return c
}

func className(class uint64) string {
	switch class {
	case statpage.Tiny:
		return "tiny"
	case statpage.Guarded:
		return "guarded"
	case statpage.Large:
		return "large"
	}
	return strconv.FormatUint(class, 10)
}
