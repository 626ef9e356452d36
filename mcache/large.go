package mcache

import "github.com/spanheap/spanheap/mheap"

// largeSlots is a cache's large noscan objects that were freed lately, one of each number of pages up to
// MaxCachedLarge, so that a loop over large objects takes neither the page heap's lock nor the operating
// system's time. The one slot of each one's span is Held.
type largeSlots struct {
	slots [MaxCachedLarge >> mheap.PageShift]mheap.Slot // by the number of pages, less one
	count uintptr                                       // of them that are there
	bytes uintptr                                       // theirs
}

const (
	// MaxCachedLarge is the length in bytes of the longest large objects that caches keep.
	MaxCachedLarge = 256 << 10

	// maxLargeBytes bounds the large objects that one cache keeps.
	maxLargeBytes = 256 << 10
)

// largePages is how many pages a large object of n bytes has.
//
//go:nosplit
func largePages(n uintptr) uintptr { return (n + mheap.PageSize - 1) >> mheap.PageShift }

// PopLarge takes a large noscan object for n bytes, MaxCachedLarge at most, makes it Live, and returns its
// address; or 0 when there is none of its number of pages, or the slow path must see the block.
//
//go:nosplit
func (c *Cache) PopLarge(n uintptr) uintptr {
	npages := largePages(n)
	s := &c.large.slots[(npages-1)%uintptr(len(c.large.slots))]
	addr, b := s.Addr, &c.bins[mheap.LargeNoscan]
	if addr == 0 || !b.meter.covers(n) {
		return 0
	}
	b.meter.take(n)
	s.Addr = 0
	c.large.count--
	c.large.bytes -= npages << mheap.PageShift
	mheap.SetLoneState(s.State, mheap.Live)
	return addr
}

// HasRoomLarge tells whether a large object of the length in bytes, MaxCachedLarge at most, can be pushed.
//
//go:nosplit
func (c *Cache) HasRoomLarge(length uintptr) bool {
	s := &c.large.slots[(length>>mheap.PageShift-1)%uintptr(len(c.large.slots))]
	return s.Addr == 0 && c.large.bytes+length <= maxLargeBytes && c != &nobody
}

// PushLarge keeps the Held slot of a large noscan object of n bytes; there is room for its length.
//
//go:nosplit
func (c *Cache) PushLarge(addr, state, length, n uintptr) {
	s := &c.large.slots[(length>>mheap.PageShift-1)%uintptr(len(c.large.slots))]
	s.Addr, s.State = addr, state
	c.large.count++
	c.large.bytes += length
	c.bins[mheap.LargeNoscan].freed += n
}

// AllocLarge returns the span of a large object of n bytes, at a multiple of align bytes, with its slot
// Live: the way when PopLarge has none. zero tells whether its memory reads zero. The rate is 0 but for an
// object that is to be sampled, with that rate. The error is the operating system's.
func (s *Set) AllocLarge(class mheap.SpanClass, n, align uintptr) (span *mheap.Span, zero bool, rate uintptr, err error) {
	p, rate := s.chargeLarge(n, class == mheap.LargeNoscan && align <= mheap.PageSize)
	if p != 0 {
		return mheap.SpanOf(p), false, rate, nil
	}
	s.watchFor(n)
	span, err = s.heap.Alloc(largePages(n), class, align)
	if err != nil {
		return nil, false, 0, err
	}
	s.countLarge(span, n)
	return span, !span.NeedZero(), rate, nil
}

// AllocToGrow is AllocLarge for what is to be carried there from another span, of the same class.
func (s *Set) AllocToGrow(from *mheap.Span, n uintptr) (span *mheap.Span, zero bool, rate uintptr, err error) {
	_, rate = s.chargeLarge(n, false)
	s.watchFor(n)
	if span, err = s.heap.AllocToGrow(largePages(n), from); err != nil {
		return nil, false, 0, err
	}
	s.countLarge(span, n)
	return span, !span.NeedZero(), rate, nil
}

// Sample charges the caller's cache with the n bytes of a large object that got its size where it lies, and
// returns the rate with which it is to be sampled, or 0.
func (s *Set) Sample(n uintptr) (rate uintptr) {
	_, rate = s.chargeLarge(n, false)
	return rate
}

// chargeLarge charges the caller's cache with n bytes, and makes it one if it has none. Where the slow path must see the block
// a cached object may be there nonetheless: if it would do, its address is returned, else 0. The rate is that of a sample,
// or 0.
func (s *Set) chargeLarge(n uintptr, cached bool) (p, rate uintptr) {
	c := s.Enter(Pin())
	if c == &nobody {
		s.Leave(c)
		s.join()
		c = s.Enter(Pin())
	}
	var d due
	switch {
	case c == &nobody:
		d.rate = s.chance(n)
	case c.Covers(mheap.LargeNoscan, n):
		c.skip(mheap.LargeNoscan, n)
	default:
		d = c.renew(mheap.LargeNoscan, n, s.rate.Load(), s.paced.Load())
		if cached && n <= MaxCachedLarge {
			p = c.PopLarge(n)
		}
		if p == 0 {
			c.skip(mheap.LargeNoscan, n)
		}
	}
	s.Leave(c)
	if d.tick {
		s.tick()
	}
	return p, d.rate
}

// watchFor is watch for a large object of n bytes that is to be made, if the heap must take memory for it.
func (s *Set) watchFor(n uintptr) {
	if !s.heap.Fits(largePages(n)) {
		s.watch(nil, n)
	}
}

// countLarge counts the object of n bytes that was made of the span, and makes it Live.
func (s *Set) countLarge(span *mheap.Span, n uintptr) {
	s.direct[span.Class()].requested.Add(n)
	s.direct[span.Class()].allocs.Add(1)
	mheap.SetLoneState(span.States(), mheap.Live)
}

// FreeLarge takes back the span of a large object of n bytes, whose slot is Held: the way when there is no
// room to push it.
func (s *Set) FreeLarge(span *mheap.Span, n uintptr) {
	s.direct[span.Class()].requested.Add(-n)
	s.heap.Free(span)
}

// FreeCarried is FreeLarge for an object that was carried elsewhere; emptied tells whether its memory went
// with it.
func (s *Set) FreeCarried(span *mheap.Span, n uintptr, emptied bool) {
	if !emptied {
		s.FreeLarge(span, n)
		return
	}
	s.direct[span.Class()].requested.Add(-n)
	s.heap.FreeEmpty(span)
}
