package heapz

import (
	"cmp"
	"math/bits"
	"net/http"
	"slices"

	"github.com/spanheap/spanheap"
)

// HeapSpans is what /spans.json shows of a heap: counts of its spans, one walk long.
type HeapSpans struct {
	ID       int         `json:"id"`
	Name     string      `json:"name"`
	Classes  []ClassFill `json:"classes"`
	Free     []Stretches `json:"free"`     // backed pages in no span, by length
	Released []Stretches `json:"released"` // pages in no span that were given back, by length
}

// ClassFill says how full the spans of a class are.
type ClassFill struct {
	Class  string     `json:"class"` // as ClassStats.Name
	Size   uint64     `json:"size"`  // bytes of a slot; 0 for large objects
	Spans  uint64     `json:"spans"`
	Bytes  uint64     `json:"bytes"` // of the spans
	Slots  uint64     `json:"slots"`
	Live   uint64     `json:"live"`   // slots that hold live blocks
	Cached uint64     `json:"cached"` // free slots in the hands of caches
	Hollow uint64     `json:"hollow"` // of Bytes, given back
	Fill   [10]uint64 `json:"fill"`   // spans by their live slots: below 10 % of all, below 20 %, … and the rest
}

// Stretches are the stretches of one kind from a power of two of bytes to the next.
type Stretches struct {
	AtLeast uint64 `json:"at_least"` // bytes
	Count   uint64 `json:"count"`
	Bytes   uint64 `json:"bytes"`
}

// spans is the page of what spans hold.
func spans(w http.ResponseWriter, r *http.Request) error {
	q, err := parse(r, "heap", "format")
	if err != nil {
		return err
	}
	asJSON, err := q.wantsJSON(r)
	if err != nil {
		return err
	}
	heaps, err := q.heaps()
	if err != nil {
		return err
	}
	all := []HeapSpans{}
	for _, h := range heaps {
		all = append(all, spansOf(h))
	}
	if asJSON {
		return showJSON(w, all)
	}
	sections := []spanSection{}
	for _, h := range all {
		sections = append(sections, newSpanSection(h))
	}
	return show(w, q, "spans", "Spans", sections)
}

// spansOf walks over the heap.
func spansOf(h *spanheap.Heap) HeapSpans {
	r := HeapSpans{ID: h.ID(), Name: h.Name(), Classes: []ClassFill{}}
	classes := map[string]*ClassFill{}
	var free, released [64]Stretches
	for s := range h.Spans() {
		switch s.State {
		case spanheap.SpanFree:
			free[bits.Len64(s.Bytes)-1].add(s)
		case spanheap.SpanReleased:
			released[bits.Len64(s.Bytes)-1].add(s)
		case spanheap.SpanInUse:
			c := classes[s.Class]
			if c == nil {
				c = &ClassFill{Class: s.Class, Size: s.Size}
				classes[s.Class] = c
			}
			c.add(s)
		}
	}
	for _, c := range classes {
		r.Classes = append(r.Classes, *c)
	}
	slices.SortFunc(r.Classes, func(a, b ClassFill) int {
		return cmp.Or(cmp.Compare(a.Size-1, b.Size-1), -cmp.Compare(a.Class, b.Class)) // large objects have the size 0, and come last
	})
	r.Free, r.Released = present(free[:]), present(released[:])
	return r
}

func (c *ClassFill) add(s spanheap.Span) {
	c.Spans++
	c.Bytes += s.Bytes
	c.Slots += uint64(s.Slots)
	c.Live += uint64(s.Live)
	c.Cached += uint64(s.Cached)
	c.Hollow += s.Hollow
	c.Fill[min(s.Live*len(c.Fill)/s.Slots, len(c.Fill)-1)]++
}

func (x *Stretches) add(s spanheap.Span) {
	x.AtLeast = 1 << (bits.Len64(s.Bytes) - 1)
	x.Count++
	x.Bytes += s.Bytes
}

// present returns the lengths that there are.
func present(all []Stretches) []Stretches {
	return append([]Stretches{}, slices.DeleteFunc(all, func(x Stretches) bool { return x.Count == 0 })...)
}

// spanSection is a heap's part of the page.
type spanSection struct {
	HeapSpans
	Rows []fillRow
}

// stretchTable is what the template of a table of stretches gets.
type stretchTable struct {
	Title string
	Rows  []Stretches
}

type fillRow struct {
	ClassFill
	Steps []step
}

// step is a bar of a histogram, in a drawing stepRoom high.
type step struct{ X, Y, Height float64 }

const (
	stepRoom  = 24
	stepWidth = 10
)

func newSpanSection(h HeapSpans) spanSection {
	s := spanSection{HeapSpans: h}
	for _, c := range h.Classes {
		row := fillRow{ClassFill: c}
		most := slices.Max(c.Fill[:])
		for i, n := range c.Fill {
			if n > 0 {
				height := max(1.5, stepRoom*float64(n)/float64(most))
				row.Steps = append(row.Steps, step{float64(i * stepWidth), stepRoom - height, height})
			}
		}
		s.Rows = append(s.Rows, row)
	}
	return s
}
