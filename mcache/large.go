package mcache

import "github.com/spanheap/spanheap/mheap"

// largeSlots is a cache's spans of large noscan objects that were freed lately, one per number of
// pages modulo the number of entries, so that a loop over one large size takes neither the page
// heap's lock nor the operating system's time. The slot of each is Held.
type largeSlots struct {
	entries [16]largeEntry
	spans   uintptr // kept
	bytes   uintptr // kept
}

type largeEntry struct {
	span   *mheap.Span
	npages uintptr
}

// maxLargeBytes bounds the large spans that one cache keeps.
const maxLargeBytes = 256 << 10

func (l *largeSlots) take(npages uintptr) *mheap.Span {
	e := &l.entries[npages%uintptr(len(l.entries))]
	s := e.span
	if s == nil || e.npages != npages {
		return nil
	}
	e.span = nil
	l.spans--
	l.bytes -= npages << mheap.PageShift
	return s
}

func (l *largeSlots) put(s *mheap.Span, npages uintptr) bool {
	e := &l.entries[npages%uintptr(len(l.entries))]
	if e.span != nil || l.bytes+npages<<mheap.PageShift > maxLargeBytes {
		return false
	}
	e.span, e.npages = s, npages
	l.spans++
	l.bytes += npages << mheap.PageShift
	return true
}

// AllocLarge returns the span of a large object of n bytes, at a multiple of align bytes, with its
// slot Live; zero tells whether its memory reads zero. The error is the operating system's.
func (s *Set) AllocLarge(class mheap.SpanClass, n, align uintptr) (span *mheap.Span, zero bool, err error) {
	npages := (n + mheap.PageSize - 1) >> mheap.PageShift
	c := s.Enter()
	if c == &nobody {
		s.Leave(c)
		s.join()
		c = s.Enter()
	}
	if class == mheap.LargeNoscan && align <= mheap.PageSize {
		span = c.large.take(npages)
	}
	if span != nil {
		c.bins[class].requested += n
		c.bins[class].allocs++
	}
	ticked := c.charge(min(n, interval))
	s.Leave(c)
	if ticked {
		s.tick()
	}
	if span == nil {
		if span, err = s.heap.Alloc(npages, class, align); err != nil {
			return nil, false, err
		}
		zero = !span.NeedZero()
		s.direct[class].requested.Add(n)
		s.direct[class].allocs.Add(1)
	}
	mheap.SetSlotState(span.States(), mheap.Live)
	return span, zero, nil
}

// FreeLarge takes back the span of a large object of n bytes, whose slot is Held.
func (s *Set) FreeLarge(span *mheap.Span, n uintptr) {
	kept := false
	c := s.Enter()
	if span.Class() == mheap.LargeNoscan {
		if kept = c != &nobody && c.large.put(span, span.Bytes()>>mheap.PageShift); kept {
			c.bins[mheap.LargeNoscan].requested -= n
		}
	}
	s.Leave(c)
	if !kept {
		s.direct[span.Class()].requested.Add(-n)
		s.heap.Free(span)
	}
}
