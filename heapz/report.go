package heapz

import (
	"cmp"
	"slices"

	"github.com/spanheap/spanheap"
)

// Report is what /stats shows, and PublishExpvar publishes: every heap's Stats, and their sum.
type Report struct {
	Heaps []HeapReport   `json:"heaps"` // by their numbers
	Total spanheap.Stats `json:"total"`
}

// HeapReport is one heap's part of a Report.
type HeapReport struct {
	ID      int            `json:"id"`
	Name    string         `json:"name"`
	Purpose string         `json:"purpose,omitempty"`
	Limit   int64          `json:"limit"` // bytes; 0 for none
	Stats   spanheap.Stats `json:"stats"`
}

func report(heaps []*spanheap.Heap) Report {
	r := Report{Heaps: []HeapReport{}}
	for _, h := range heaps {
		s := h.Stats()
		r.Heaps = append(r.Heaps, HeapReport{ID: h.ID(), Name: h.Name(), Purpose: h.Purpose(), Limit: h.Limit(), Stats: s})
		r.Total = r.Total.Plus(s)
	}
	return r
}

// column is a summand of the closing sum. Its kind is its colour.
type column struct {
	Kind, Name, Phrase string
	Bytes              uint64
}

// backedColumns are the columns that make up Stats.Backed.
func backedColumns(s spanheap.Stats) []column {
	return []column{
		{"live", "live", "what callers asked for", s.Live},
		{"rounding", "rounding", "their slots, less what they asked for", s.Rounding},
		{"tail", "span tails", "ends of spans too short for a slot", s.SpanTail},
		{"cached", "cached slots", "free slots in the hands of Ps", s.CachedSlots},
		{"central", "central slots", "free slots of spans", s.CentralSlots},
		{"free", "free pages", "backed pages in no span", s.FreePages},
		{"metadata", "metadata", "span records, slot states, page maps", s.Metadata},
	}
}

// reservedColumns are the columns that make up Stats.Reserved.
func reservedColumns(s spanheap.Stats) []column {
	return []column{
		{"backed", "backed", "what can count as resident", s.Backed},
		{"released", "released", "given back to the operating system", s.Released},
		{"untouched", "untouched", "address space never used", s.Untouched},
	}
}

// classColumns are the columns that make up ClassStats.SpanBytes.
func classColumns(c spanheap.ClassStats) []column {
	backed := backedColumns(spanheap.Stats{
		Live: c.Live, Rounding: c.Rounding, SpanTail: c.SpanTail, CachedSlots: c.CachedSlots, CentralSlots: c.CentralSlots,
	})[:5]
	return append(backed, column{"released", "hollow", "free slots and tails, given back to the operating system", c.Hollow})
}

// worstFirst returns the classes, those first that waste most.
func worstFirst(classes []spanheap.ClassStats) []spanheap.ClassStats {
	return slices.SortedStableFunc(slices.Values(classes), func(a, b spanheap.ClassStats) int {
		return cmp.Compare(b.Waste(), a.Waste())
	})
}
