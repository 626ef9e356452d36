package spanheap

import (
	"strconv"

	"github.com/spanheap/spanheap/internal/statpage"
	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Stats says where every byte of a heap's address space is at one moment. The columns close:
//
//	Live + Rounding + SpanTail + CachedSlots + CentralSlots + FreePages + Metadata = Backed
//	Backed + Released = Mapped
//	Mapped + Untouched = Reserved
//
// All figures are bytes unless their comment says otherwise. Reading them stops nobody: while other
// goroutines allocate and free, or the scavenger empties caches, a figure may be off by the blocks in their hands at that moment, and
// the sums still close; when the heap is quiet every figure is exact.
type Stats struct {
	Live         uint64 `json:"live"`          // what callers asked for, of the blocks that live
	Rounding     uint64 `json:"rounding"`      // slots of live blocks, less what was asked for
	SpanTail     uint64 `json:"span_tail"`     // ends of spans too short for a slot, as far as they are backed
	CachedSlots  uint64 `json:"cached_slots"`  // free slots in the hands of Ps
	CentralSlots uint64 `json:"central_slots"` // free slots of spans, as far as they are backed
	FreePages    uint64 `json:"free_pages"`    // backed pages in no span in use
	Metadata     uint64 `json:"metadata"`      // span records, slot states, page maps, caches
	Backed       uint64 `json:"backed"`        // what the operating system may count as resident

	Released  uint64 `json:"released"`  // given back to the operating system, ready for use: pages, and those under free slots
	Mapped    uint64 `json:"mapped"`    // Backed + Released
	Untouched uint64 `json:"untouched"` // reserved address space that was never used, and Guards
	Reserved  uint64 `json:"reserved"`  // Mapped + Untouched

	Guards    uint64 `json:"guards"`     // of Untouched, inaccessible pages around guarded blocks, and of freed ones
	HugeAsked uint64 `json:"huge_asked"` // of Reserved, what the system was asked to back by huge pages

	LiveBlocks uint64 `json:"live_blocks"` // blocks allocated and not freed
	Mallocs    uint64 `json:"mallocs"`     // blocks allocated since the heap was made
	Frees      uint64 `json:"frees"`       // blocks freed since the heap was made
	Spans      uint64 `json:"spans"`       // spans in use
	Arenas     uint64 `json:"arenas"`      // arenas reserved

	Classes []ClassStats `json:"classes"` // the classes that hold a span, smallest first, then guarded blocks, large objects last
}

// ClassStats is one size class's part of Stats. Its columns close too:
// Live + Rounding + SpanTail + CachedSlots + CentralSlots + Hollow = SpanBytes.
type ClassStats struct {
	Name         string `json:"name"`          // "tiny", the class's number, "guarded", or "large"
	Size         uint64 `json:"size"`          // bytes of a slot; 0 for large objects
	Spans        uint64 `json:"spans"`         // spans in use
	SpanBytes    uint64 `json:"span_bytes"`    // bytes of those spans
	Slots        uint64 `json:"slots"`         // slots of those spans
	LiveSlots    uint64 `json:"live_slots"`    // slots that hold live blocks
	Live         uint64 `json:"live"`          // what callers asked for
	Rounding     uint64 `json:"rounding"`      // live slots, less what was asked for
	SpanTail     uint64 `json:"span_tail"`     // ends of spans too short for a slot, as far as they are backed
	CachedSlots  uint64 `json:"cached_slots"`  // free slots in the hands of Ps
	CentralSlots uint64 `json:"central_slots"` // free slots of spans, as far as they are backed
	Hollow       uint64 `json:"hollow"`        // free slots and tails of spans, given back to the operating system: part of Stats.Released
}

// Stats returns where the heap's bytes are. What was asked for (Live) is counted at every
// allocation, and taken off again by the capacity that a block is freed with; so it is exact while
// blocks are freed with the capacity they were handed out with, as Free(b[:k]) does and
// Free(b[:k:k]) does not. All else is counted from spans and slots. Mallocs and Frees are modulo
// 2^32 on 32-bit systems. Those of a closed heap are zero.
func (h *Heap) Stats() Stats {
	if !h.readable() {
		return Stats{}
	}
	defer h.readers.RUnlock()
	return h.stats()
}

// stats is Stats, of a heap that is not closed meanwhile.
func (h *Heap) stats() (s Stats) {
	h.readStats(&s, func(c classCounts) {
		if c.Spans > 0 {
			s.Classes = append(s.Classes, c.ClassStats)
		}
	})
	return s
}

// readStats fills in s but for the classes, of which it calls each.
func (h *Heap) readStats(s *Stats, each func(classCounts)) {
	add := func(c classCounts) {
		s.add(&c)
		each(c)
	}
	add(h.smallStats(mheap.Tiny))
	for c := uint8(1); c < sizeclass.NumClasses; c++ {
		add(h.smallStats(mheap.ClassOf(c, false), mheap.ClassOf(c, true)))
	}
	add(h.guardStats())
	add(h.largeStats())

	u := h.pages.Usage()
	s.FreePages = u.FreePages
	s.Metadata = u.Metadata
	s.HugeAsked = u.HugeAsked
	s.Guards = u.Shut
	s.Arenas = u.Arenas
	s.Backed = s.Live + s.Rounding + s.SpanTail + s.CachedSlots + s.CentralSlots + s.FreePages + s.Metadata
	s.Released += u.Released
	s.Mapped = s.Backed + s.Released
	s.Untouched = u.Untouched + u.MetadataReserved - u.Metadata
	s.Reserved = s.Mapped + s.Untouched
	s.Frees = s.Mallocs - min(s.LiveBlocks, s.Mallocs)
}

// classCounts is a class's part of Stats together with what has no column of its own there.
type classCounts struct {
	ClassStats
	class           uint64 // as on statpage's page
	blocks, mallocs uint64
	full            uint64                       // spans without a free slot
	roomy           [mcentral.Occupancies]uint64 // spans with free slots, by a quarter of them and more
}

// add adds a class's columns, if it has any.
func (s *Stats) add(c *classCounts) {
	s.Live += c.Live
	s.Rounding += c.Rounding
	s.SpanTail += c.SpanTail
	s.CachedSlots += c.CachedSlots
	s.CentralSlots += c.CentralSlots
	s.Released += c.Hollow
	s.Spans += c.Spans
	s.LiveBlocks += c.blocks
	s.Mallocs += c.mallocs
}

// smallStats counts the span classes of one slot size.
func (h *Heap) smallStats(classes ...mheap.SpanClass) (c classCounts) {
	l := classes[0].Layout()
	if classes[0] != mheap.Tiny {
		c.class = uint64(classes[0].Size())
	}
	c.Name = className(classes[0])
	c.Size = uint64(l.Bytes)
	for _, class := range classes {
		u := h.caches.Usage(class)
		c.Spans += u.Spans
		c.SpanBytes += u.Bytes
		c.Slots += u.Slots
		c.LiveSlots += u.Live
		c.Live += u.Requested
		c.CachedSlots += u.InCaches * c.Size
		c.CentralSlots += u.InSpans*c.Size - u.Hollow
		c.Hollow += u.Hollow + u.HollowTails
		c.SpanTail -= u.HollowTails
		c.blocks += u.Live
		c.mallocs += u.Mallocs
		c.full += u.Full
		for i, n := range u.Roomy {
			c.roomy[i] += n
		}
	}
	c.SpanTail += c.SpanBytes - c.Slots*c.Size
	c.Rounding = c.LiveSlots*c.Size - c.Live
	return c
}

// className returns the name that reports give to the slots of a span class.
func className(class mheap.SpanClass) string {
	switch {
	case class == mheap.Tiny:
		return "tiny"
	case class == mheap.Guarded:
		return guarded
	case class.Large():
		return large
	}
	return strconv.Itoa(int(class.Size()))
}

// large names the class of large objects.
const large = "large"

// largeStats counts the large objects. One that a P keeps for the next counts as a cached slot.
func (h *Heap) largeStats() (c classCounts) {
	u := h.caches.LargeUsage()
	c.Name, c.class = large, statpage.Large
	c.Spans, c.Slots, c.SpanBytes = u.Spans, u.Spans, u.Bytes
	c.LiveSlots = u.Spans - u.CachedSpans
	c.Live = u.Requested
	c.CachedSlots = u.CachedBytes
	c.Rounding = u.Bytes - u.CachedBytes - u.Requested
	c.blocks, c.mallocs, c.full = c.LiveSlots, u.Mallocs, c.LiveSlots
	return c
}
