package main

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"

	"github.com/spanheap/spanheap"
)

// The waste report: the sum of a heap's columns, its classes with the most wasteful first, and what
// that comes to in words.

// rowsFlag is the text of the flag that cuts the table of classes.
const rowsFlag = "show the `N` classes that waste most; 0 shows all"

// writeReport writes the report on s. rows is how many classes it shows; 0 is all.
func writeReport(b *bytes.Buffer, title string, s spanheap.Stats, rows int) {
	fmt.Fprintf(b, "%s: %s live in %s\n\n", title, size(s.Live), plural(s.LiveBlocks, "block", "blocks"))
	writeSum(b, s)
	if len(s.Classes) > 0 {
		fmt.Fprintln(b)
		writeClasses(b, s.Classes, rows)
	}
	fmt.Fprintf(b, "\nVerdict: %s\n", verdict(s))
}

func writeSum(b *bytes.Buffer, s spanheap.Stats) {
	t := newTable(b, len("+ central slots"))
	t.row("", "bytes", "", "of backed", "of reserved")
	line := func(name string, bytes uint64, phrase string) {
		t.rowWith(phrase, name, count(bytes), size(bytes), percent(bytes, s.Backed), percent(bytes, s.Reserved))
	}
	line("  live", s.Live, "what callers asked for")
	line("+ rounding", s.Rounding, "their slots, less what they asked for")
	line("+ span tails", s.SpanTail, "ends of spans too short for a slot")
	line("+ cached slots", s.CachedSlots, "free slots in the hands of Ps")
	line("+ central slots", s.CentralSlots, "free slots of spans, as far as backed")
	line("+ free pages", s.FreePages, "backed pages in no span")
	line("+ metadata", s.Metadata, "span records, slot states, page maps")
	line("= backed", s.Backed, "what can count as resident")
	outside := func(name string, bytes uint64, phrase string) {
		t.rowWith(phrase, name, count(bytes), size(bytes), "", percent(bytes, s.Reserved))
	}
	outside("+ released", s.Released, "given back to the operating system")
	outside("= mapped", s.Mapped, "has been used")
	outside("+ untouched", s.Untouched, "address space never used")
	outside("= reserved", s.Reserved, "address space of the heap")
	t.flush()
}

// worstFirst returns the classes by their waste.
func worstFirst(classes []spanheap.ClassStats) []spanheap.ClassStats {
	return slices.SortedStableFunc(slices.Values(classes), func(a, b spanheap.ClassStats) int {
		return cmp.Compare(b.Waste(), a.Waste())
	})
}

func writeClasses(b *bytes.Buffer, classes []spanheap.ClassStats, rows int) {
	t := newTable(b, len("00 more"))
	t.row("class", "slot", "spans", "used", "live", "rounding", "tails", "cached", "central", "waste", "of spans")
	line := func(name string, c spanheap.ClassStats) {
		t.row(name, orNothing(c.Size), count(c.Spans), count(c.LiveSlots), size(c.Live), size(c.Rounding), size(c.SpanTail),
			size(c.CachedSlots), size(c.CentralSlots), size(c.Waste()), percent(c.Waste(), c.SpanBytes))
	}
	sorted := worstFirst(classes)
	if rows == 0 || rows > len(sorted) {
		rows = len(sorted)
	}
	for _, c := range sorted[:rows] {
		line(c.Name, c)
	}
	if rows < len(sorted) {
		line(fmt.Sprintf("%d more", len(sorted)-rows), together(sorted[rows:]))
	}
	line("all", together(sorted))
	t.flush()
}

// together returns the sum of the classes, which has no name and no size.
func together(classes []spanheap.ClassStats) (sum spanheap.ClassStats) {
	for _, c := range classes {
		sum = sum.Plus(c)
	}
	sum.Name, sum.Size = "", 0
	return sum
}

// verdict says in words how much of the heap is live and what the largest waste is.
func verdict(s spanheap.Stats) string {
	if s.Backed == 0 {
		return "the heap has no memory."
	}
	type part struct {
		words   string
		bytes   uint64
		ofClass func(spanheap.ClassStats) uint64 // nil for what is in no class
	}
	parts := []part{
		{"rounding up to slot sizes", s.Rounding, func(c spanheap.ClassStats) uint64 { return c.Rounding }},
		{"span tails", s.SpanTail, func(c spanheap.ClassStats) uint64 { return c.SpanTail }},
		{"free slots at hand for the Ps", s.CachedSlots, func(c spanheap.ClassStats) uint64 { return c.CachedSlots }},
		{"free slots beside live blocks", s.CentralSlots, func(c spanheap.ClassStats) uint64 { return c.CentralSlots }},
		{"free pages, ready for reuse or release", s.FreePages, nil},
		{"the heap's own records", s.Metadata, nil},
	}
	largest := slices.MaxFunc(parts, func(a, b part) int { return cmp.Compare(a.bytes, b.bytes) })

	text := percent(s.Live, s.Backed) + " of the backed memory is live"
	if s.Live == 0 {
		text = fmt.Sprintf("nothing is live, %s are backed", size(s.Backed))
	}
	text += fmt.Sprintf("; the largest waste is %s: %s", largest.words, size(largest.bytes))
	if largest.ofClass == nil || len(s.Classes) == 0 {
		return text + "."
	}
	worst := slices.MaxFunc(s.Classes, func(a, b spanheap.ClassStats) int {
		return cmp.Compare(largest.ofClass(a), largest.ofClass(b))
	})
	return fmt.Sprintf("%s (class %s: %s).", text, worst.Name, size(largest.ofClass(worst)))
}
