package mcache

import (
	"errors"
	"fmt"

	"github.com/spanheap/spanheap/mheap"
)

// slotCount is what a walk over a class's spans finds.
type slotCount struct{ spans, inSpan, held, live, liveBytes uint64 }

// Verify checks the centrals' lists, the slots of the spans that caches hold, and recounts every span class from the slots' states: what is
// in spans, in caches and live must be what the counts say. It is exact only while nobody else
// allocates or frees.
func (s *Set) Verify() error {
	var counts [mheap.NumSpanClasses]slotCount
	var broken error
	s.heap.Walk(func(span *mheap.Span) {
		if span.Class() == mheap.Guarded {
			return
		}
		c := &counts[span.Class()]
		c.spans++
		if span.Class().Large() {
			if mheap.Allocated(mheap.SlotState(span.States())) {
				c.live++
				c.liveBytes += uint64(span.Bytes())
			} else {
				c.held++
			}
			return
		}
		if span.Held && broken == nil { // else the central checks it
			broken = span.VerifySlots()
		}
		inSpan, held, live := span.Count()
		c.inSpan += uint64(inSpan)
		c.held += uint64(held)
		c.live += uint64(live)
	})
	errs := []error{broken, s.verifyLarge(&counts)}
	for i := int(mheap.LargeNoscan) + 1; i < mheap.NumSpanClasses; i++ {
		if err := s.verifyClass(mheap.SpanClass(i), &counts[i]); err != nil {
			errs = append(errs, fmt.Errorf("span class %v: %w", mheap.SpanClass(i), err))
		}
	}
	return errors.Join(errs...)
}

func (s *Set) verifyClass(class mheap.SpanClass, c *slotCount) error {
	listed, err := s.centrals[class].Verify()
	if err != nil {
		return err
	}
	held := uint64(0)
	s.each(func(cache *Cache) {
		if cache.bins[class].span != nil {
			held++
		}
	})
	u := s.Usage(class)
	return errors.Join(
		recount("spans", u.Spans, c.spans),
		recount("spans on lists and with caches", listed+held, c.spans),
		recount("slots in spans", u.InSpans, c.inSpan),
		recount("slots in caches", u.InCaches, c.held),
		recount("live slots", u.Live, c.live),
	)
}

func (s *Set) verifyLarge(counts *[mheap.NumSpanClasses]slotCount) error {
	u := s.LargeUsage()
	scan, noscan := &counts[mheap.LargeScan], &counts[mheap.LargeNoscan]
	return errors.Join(
		recount("large objects", u.Spans-u.CachedSpans, scan.live+noscan.live),
		recount("large objects in caches", u.CachedSpans, scan.held+noscan.held),
		recount("bytes of large objects", u.Bytes-u.CachedBytes, scan.liveBytes+noscan.liveBytes),
	)
}

func recount(what string, counter, counted uint64) error {
	if counter != counted {
		return fmt.Errorf("count of %s: the counts say %d, a recount %d", what, counter, counted)
	}
	return nil
}
