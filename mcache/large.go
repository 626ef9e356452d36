package mcache

import "github.com/spanheap/spanheap/mheap"

// largeSlots is a cache's large noscan objects that were freed lately, one of each number of pages up to
// MaxCachedLarge, so that a loop over large objects takes neither the page heap's lock nor the operating
// system's time. The one slot of each one's span is Held. A cache owns those that it allocates from there, as it owns
// small blocks.
type largeSlots struct {
	slots [MaxCachedLarge >> mheap.PageShift]mheap.Slot // by the number of pages, less one
	bytes uintptr                                       // of those that are there; in a cache that is nobody's, as many as there may be
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

// of is the place of an object of so many pages.
//
//go:nosplit
func (l *largeSlots) of(npages uintptr) *mheap.Slot {
	return &l.slots[(npages-1)%uintptr(len(l.slots))]
}

// count is how many there are; others than the owner may ask.
func (l *largeSlots) count() (n uintptr) {
	for i := range l.slots {
		if load(&l.slots[i].Addr) != 0 {
			n++
		}
	}
	return n
}

// NextLarge returns where the large noscan object is that TakeLarge takes for n bytes, MaxCachedLarge at most. Its address
// is 0 when there is none of its number of pages.
//
//go:nosplit
func (c *Cache) NextLarge(n uintptr) *mheap.Slot { return c.large.of(largePages(n)) }

// TakeLarge takes the next large noscan object, which there is, for n bytes, which Covers covers, and makes it Live.
//
//go:nosplit
func (c *Cache) TakeLarge(next *mheap.Slot, n uintptr) {
	next.Addr = 0
	c.large.bytes -= largePages(n) << mheap.PageShift
	c.bins[mheap.LargeNoscan].meter.take(n)
	mheap.SetLoneState(next.State, c.live)
}

// PopLarge takes a large noscan object for n bytes, MaxCachedLarge at most, makes it Live, and returns its
// address; or 0 when there is none of its number of pages, or the slow path must see the block.
func (c *Cache) PopLarge(n uintptr) uintptr {
	next := c.NextLarge(n)
	p := next.Addr
	if p == 0 || !c.Covers(mheap.LargeNoscan, n) {
		return 0
	}
	c.TakeLarge(next, n)
	return p
}

// HasRoomLarge tells whether a large object of the length in bytes, MaxCachedLarge at most, can be pushed.
//
//go:nosplit
func (c *Cache) HasRoomLarge(length uintptr) bool {
	return c.large.of(length>>mheap.PageShift).Addr == 0 && c.large.bytes+length <= maxLargeBytes
}

// PushLarge frees the large noscan object of n bytes at addr, which the cache owns, or whose slot is Held: it keeps it; there
// is room for its length.
//
//go:nosplit
func (c *Cache) PushLarge(addr, state, length, n uintptr) {
	s := c.large.of(length >> mheap.PageShift)
	s.Addr, s.State = addr, state
	c.large.bytes += length
	c.bins[mheap.LargeNoscan].freed += n
	mheap.SetLoneState(state, mheap.Held)
}

// Disown makes the large block at the state, if the cache owns it, one that no cache owns: who frees it needs not wait.
//
//go:nosplit
func (c *Cache) Disown(state uintptr) {
	if c.Owns(mheap.SlotState(state)) {
		mheap.SetSlotState(state, mheap.Live) // a byte, should the block have ended meanwhile
	}
}

// AwaitOwner makes the slot of a large block, which the caller made Away, Held. It tells whether it could: if not, the block's
// own cache had begun to free it before.
func AwaitOwner(slot mheap.Slot, class mheap.SpanClass) bool {
	awaitStores()
	return mheap.Settle(slot, class, mheap.Away)
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
	s.heap.Trade(largePages(n))
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
	if n > mostMetered {
		return 0, s.chance(n)
	}
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
		if p != 0 && d.rate != 0 {
			c.Disown(mheap.SpanOf(p).States()) // who notes a block wants no cache to own it
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

// countLarge counts the object of n bytes that was made of the span, and makes it Live.
func (s *Set) countLarge(span *mheap.Span, n uintptr) {
	s.direct[span.Class()].requested.Add(n)
	s.direct[span.Class()].allocs.Add(1)
	mheap.SetLoneState(span.States(), mheap.Live)
	s.watch(nil)
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
