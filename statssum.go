package spanheap

import (
	"cmp"
	"math"
	"slices"
	"strconv"
)

// Plus returns the sum of two heaps' Stats, whose columns close as theirs do. Classes are added by name.
func (s Stats) Plus(t Stats) Stats {
	s.Live += t.Live
	s.Rounding += t.Rounding
	s.SpanTail += t.SpanTail
	s.CachedSlots += t.CachedSlots
	s.CentralSlots += t.CentralSlots
	s.FreePages += t.FreePages
	s.Metadata += t.Metadata
	s.Backed += t.Backed
	s.Released += t.Released
	s.Mapped += t.Mapped
	s.Untouched += t.Untouched
	s.Reserved += t.Reserved
	s.Guards += t.Guards
	s.HugeAsked += t.HugeAsked
	s.LiveBlocks += t.LiveBlocks
	s.Mallocs += t.Mallocs
	s.Frees += t.Frees
	s.Spans += t.Spans
	s.Arenas += t.Arenas

	classes := slices.Clone(s.Classes)
	for _, c := range t.Classes {
		i, found := slices.BinarySearchFunc(classes, c, func(a, b ClassStats) int {
			return cmp.Compare(a.rank(), b.rank())
		})
		if found {
			classes[i] = classes[i].Plus(c)
		} else {
			classes = slices.Insert(classes, i, c)
		}
	}
	s.Classes = classes
	return s
}

// Plus returns the sum of two heaps' part of one class, or of two classes: then without name and size.
func (c ClassStats) Plus(d ClassStats) ClassStats {
	if c.Name != d.Name {
		c.Name, c.Size = "", 0
	}
	c.Spans += d.Spans
	c.SpanBytes += d.SpanBytes
	c.Slots += d.Slots
	c.LiveSlots += d.LiveSlots
	c.Live += d.Live
	c.Rounding += d.Rounding
	c.SpanTail += d.SpanTail
	c.CachedSlots += d.CachedSlots
	c.CentralSlots += d.CentralSlots
	c.Hollow += d.Hollow
	return c
}

// Waste returns the backed bytes of the class's spans that nobody asked for: all columns but Live and Hollow.
func (c ClassStats) Waste() uint64 {
	return c.Rounding + c.SpanTail + c.CachedSlots + c.CentralSlots
}

// rank is the class's place in Stats.Classes.
func (c ClassStats) rank() int {
	switch c.Name {
	case "tiny":
		return 0
	case guarded:
		return math.MaxInt - 1
	case large:
		return math.MaxInt
	}
	number, _ := strconv.Atoi(c.Name)
	return number
}
