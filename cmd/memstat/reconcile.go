package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/smaps"
	"github.com/spanheap/spanheap/internal/statpage"
)

// The reconciliation: what is resident of a process, taken apart by what Go's runtime counts, what spanheap
// counts, and what the kernel counts of files and anonymous memory. Its parts close:
//
//	go_live + go_overhead + live + rounding + span_tail + free_slots + free_pages + metadata
//	+ files + other - not_resident = rss
type reconciliation struct {
	GoLive      uint64 `json:"go_live"`
	GoOverhead  uint64 `json:"go_overhead"`
	Live        uint64 `json:"live"`
	Rounding    uint64 `json:"rounding"`
	SpanTail    uint64 `json:"span_tail"`
	FreeSlots   uint64 `json:"free_slots"`
	FreePages   uint64 `json:"free_pages"`
	Metadata    uint64 `json:"metadata"`
	Files       uint64 `json:"files"`
	Other       uint64 `json:"other"`
	NotResident uint64 `json:"not_resident"`
	RSS         uint64 `json:"rss"`

	ours uint64 // of RSS, what lies in the heaps' extents
}

// countedBy returns the part of it that spanheap counts.
func countedBy(p *statpage.Page) reconciliation {
	s := totalOf(p)
	return reconciliation{
		Live: s.Live, Rounding: s.Rounding, SpanTail: s.SpanTail,
		FreeSlots: s.CachedSlots + s.CentralSlots, FreePages: s.FreePages, Metadata: s.Metadata,
	}
}

// reconcile holds a page against the kernel's view. What Go and spanheap count is theirs, resident or not;
// what the kernel finds beyond it, where they could be, is other.
func reconcile(p *statpage.Page, v smaps.View) reconciliation {
	s, x := totalOf(p), &p.Process
	r := countedBy(p)
	r.GoLive, r.RSS = x.GoObjects, v.Process.Resident
	goMapped := x.GoTotal - min(x.GoReleased, x.GoTotal)
	if x.Flags&statpage.ArenasInGoHeap != 0 { // Go counts the arenas as objects: they are spanheap's here
		arenas := min(s.Reserved-min(s.Metadata, s.Reserved), x.GoObjects)
		r.GoLive -= arenas
		goMapped -= min(arenas, goMapped)
	}
	r.GoOverhead = goMapped - min(r.GoLive, goMapped)
	r.GoLive = goMapped - r.GoOverhead

	anonymous := min(v.Process.Anonymous, v.Process.Resident)
	r.Files = v.Process.Resident - anonymous
	ours := min(v.Resident, anonymous)
	if x.Flags&statpage.ExtentsCut != 0 {
		ours = min(s.Backed, anonymous-min(goMapped, anonymous))
	}
	r.ours = ours
	others := anonymous - ours
	for _, c := range [...]struct{ counted, found uint64 }{{s.Backed, ours}, {goMapped, others}} {
		r.Other += c.found - min(c.counted, c.found)
		r.NotResident += c.counted - min(c.counted, c.found)
	}
	return r
}

// backed is what spanheap has of the process's memory.
func (r *reconciliation) backed() uint64 {
	return r.Live + r.Rounding + r.SpanTail + r.FreeSlots + r.FreePages + r.Metadata
}

// residentPart is a summand of what is resident.
type residentPart struct {
	Name, Phrase string
	Bytes        int64
}

// parts returns what makes up the resident memory; the last is less than nothing.
func (r *reconciliation) parts(swapped uint64) []residentPart {
	phrase := "counted above, and never written"
	if swapped > 0 {
		phrase = fmt.Sprintf("counted above, never written or swapped out: %s are", size(swapped))
	}
	return []residentPart{
		{"Go heap", "objects, dead ones not yet swept among them", int64(r.GoLive)},
		{"Go's overhead", "free and unused parts of its heap, stacks, its own records", int64(r.GoOverhead)},
		{"spanheap: live", "what callers asked for", int64(r.Live)},
		{"spanheap: rounding", "slots of live blocks, less what was asked for", int64(r.Rounding)},
		{"spanheap: tails", "ends of spans too short for a slot", int64(r.SpanTail)},
		{"spanheap: free slots", "in the hands of Ps, and of spans", int64(r.FreeSlots)},
		{"spanheap: free pages", "backed, in no span", int64(r.FreePages)},
		{"spanheap: metadata", "span records, slot states, page maps, caches", int64(r.Metadata)},
		{"files", "the program, libraries, shared memory", int64(r.Files)},
		{"everything else", "cgo, mappings of the program's own", int64(r.Other)},
		{"not resident", phrase, -int64(r.NotResident)},
	}
}

func (r *reconciliation) write(b *bytes.Buffer, swapped uint64) {
	t := newTable(b, len("+ spanheap: free slots"))
	t.row("", "bytes", "", "of resident")
	line := func(sign string, p residentPart) {
		bytes := uint64(max(p.Bytes, -p.Bytes))
		t.rowWith(p.Phrase, sign+" "+p.Name, count(bytes), size(bytes), percent(bytes, r.RSS))
	}
	parts := r.parts(swapped)
	for i, p := range parts {
		switch i {
		case 0:
			line(" ", p)
		case len(parts) - 1:
			line("-", p)
		default:
			line("+", p)
		}
	}
	line("=", residentPart{"resident", "in memory, as the kernel says", int64(r.RSS)})
	t.flush()
}

// verdict says in words what most of the resident memory is. classes are those of all heaps.
func (r *reconciliation) verdict(classes []spanheap.ClassStats) string {
	backed := r.backed()
	if foreign := r.RSS - r.ours; r.RSS > 0 && r.ours < foreign/2 {
		largest := r.largest([]share{
			{"the Go heap's objects", r.GoLive}, {"Go's overhead over its live heap", r.GoOverhead},
			{"files", r.Files}, {"memory that neither Go nor spanheap counts", r.Other},
		})
		return fmt.Sprintf("not spanheap, of which %s is resident: most of it is %s, %s.", size(r.ours), largest.words, size(largest.bytes))
	}
	if backed == 0 {
		return "there is nothing."
	}
	if 4*r.Live >= 3*backed {
		return fmt.Sprintf("most of it is live data: %s of what spanheap has backed.", percent(r.Live, backed))
	}
	waste := r.largest([]share{
		{"rounding: %s of backed is what slots are larger than their blocks", r.Rounding},
		{"span tails: %s of backed is ends of spans", r.SpanTail},
		{"fragmentation: %s of backed is free slots", r.FreeSlots},
		{"free pages, which go back by the rule of Options.Scavenge: %s of backed", r.FreePages},
		{"records: %s of backed is metadata", r.Metadata},
	})
	text := fmt.Sprintf(waste.words, percent(waste.bytes, backed))
	if waste.bytes == r.FreeSlots && len(classes) > 0 {
		free := func(c spanheap.ClassStats) uint64 { return c.CachedSlots + c.CentralSlots }
		worst := slices.MaxFunc(classes, func(a, b spanheap.ClassStats) int { return cmp.Compare(free(a), free(b)) })
		text += fmt.Sprintf(", most of them of class %s: %s", worst.Name, size(free(worst)))
	}
	if 2*r.Live >= backed {
		return fmt.Sprintf("most of it is live data: %s of what spanheap has backed; then %s.", percent(r.Live, backed), text)
	}
	return fmt.Sprintf("%s; %s is live.", text, percent(r.Live, backed))
}

type share struct {
	words string
	bytes uint64
}

func (r *reconciliation) largest(shares []share) share {
	return slices.MaxFunc(shares, func(a, b share) int { return cmp.Compare(a.bytes, b.bytes) })
}
