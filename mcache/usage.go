package mcache

import (
	"sync/atomic"

	"github.com/spanheap/spanheap/mcentral"
	"github.com/spanheap/spanheap/mheap"
)

// Usage is where the slots of one span class are. Slots in spans and slots in caches are free; all
// others of the class's spans are live, or in the hands of a goroutine that is allocating or
// freeing just then.
type Usage struct {
	Spans       uint64
	Bytes       uint64 // of the spans
	Slots       uint64 // of the spans
	InSpans     uint64 // slots
	InCaches    uint64 // slots, those held and on their way between caches among them
	Live        uint64 // slots, of as many blocks
	Hollow      uint64 // bytes of slots in spans that were given back to the operating system
	HollowTails uint64 // bytes in no slot that were given back
	Requested   uint64 // bytes asked for, of the live blocks
	Mallocs     uint64 // blocks allocated, ever

	Full  uint64                       // of Spans, those without a free slot that no cache holds
	Roomy [mcentral.Occupancies]uint64 // those with free slots, by a quarter of them and more
}

// Usage counts one span class of small slots, stopping nobody. Sums are formed modulo the size of a
// word, as the caches' own counts are; what comes of them fits.
func (s *Set) Usage(class mheap.SpanClass) (u Usage) {
	central := s.centrals[class].Usage()
	d := &s.direct[class]
	out := uintptr(central.Direct - central.Returned)
	requested, mallocs := d.requested.Load(), d.allocs.Load()
	held := uintptr(central.Stashed) + d.held.Load() + s.inMails(class)
	s.each(func(c *Cache) {
		b := &c.bins[class]
		out += load(&b.taken)
		asked, blocks := c.counts(class)
		requested, mallocs = requested+asked, mallocs+blocks
		held += b.held() + c.waiting(class)
	})
	out = min(positive(out), uintptr(central.Slots))
	u.Spans, u.Slots, u.Bytes = central.Spans, central.Slots, central.Pages<<mheap.PageShift
	u.Full, u.Roomy = central.Full, central.Roomy
	u.InCaches = uint64(min(held, out))
	u.Live = uint64(positive(out - held))
	u.InSpans = u.Slots - u.InCaches - u.Live
	u.Hollow = min(central.Hollow-central.HollowTails, u.InSpans*uint64(class.Layout().Bytes))
	u.HollowTails = central.HollowTails
	u.Requested = min(uint64(positive(requested)), u.Live*uint64(class.Layout().Bytes))
	u.Mallocs = uint64(mallocs)
	return u
}

// LargeUsage is where the bytes of large objects are.
type LargeUsage struct {
	Spans, Bytes             uint64 // all spans of the class
	CachedSpans, CachedBytes uint64 // free, in caches or held
	Requested                uint64 // bytes asked for, of the live objects
	Mallocs                  uint64 // objects allocated, ever
}

// LargeUsage counts the large objects of both span classes, stopping nobody.
func (s *Set) LargeUsage() (u LargeUsage) {
	pages := s.heap.Usage()
	u.Spans, u.Bytes = pages.LargeSpans, pages.LargeBytes
	var requested, mallocs uintptr
	for class := mheap.LargeScan; class <= mheap.LargeNoscan; class++ {
		requested += s.direct[class].requested.Load()
		mallocs += s.direct[class].allocs.Load()
		u.CachedSpans += uint64(s.direct[class].held.Load())
		u.CachedBytes += uint64(s.direct[class].heldBytes.Load())
	}
	s.each(func(c *Cache) {
		asked, blocks := c.counts(mheap.LargeNoscan)
		requested, mallocs = requested+asked, mallocs+blocks
		u.CachedSpans += uint64(c.large.count() + c.waiting(mheap.LargeNoscan))
		u.CachedBytes += uint64(load(&c.large.bytes) + load(&c.aside.large))
	})
	u.CachedSpans = min(u.CachedSpans, u.Spans)
	u.CachedBytes = min(u.CachedBytes, u.Bytes)
	u.Requested = min(uint64(positive(requested)), u.Bytes-u.CachedBytes)
	u.Mallocs = uint64(mallocs)
	return u
}

// Recount adds to the bytes asked for of a class's live blocks.
func (s *Set) Recount(class mheap.SpanClass, delta uintptr) { s.direct[class].requested.Add(delta) }

// each calls f for every cache, whose owners go on meanwhile.
func (s *Set) each(f func(*Cache)) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, c := range s.all[:s.top] {
		if c != nil {
			f(c)
		}
	}
	for _, c := range s.locals {
		f(c)
	}
}

// load reads a word that the owner of a cache may be writing.
func load(p *uintptr) uintptr { return atomic.LoadUintptr(p) }

// positive is n, or 0 when n is the outcome of a sum that went below 0 because its parts were not
// read at one moment.
func positive(n uintptr) uintptr {
	if n > ^uintptr(0)>>1 {
		return 0
	}
	return n
}
