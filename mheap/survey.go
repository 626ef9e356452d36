package mheap

import "github.com/spanheap/spanheap/arena"

// A survey tells of all a heap's address space, in order, a few spans at a time: whoever asks holds no
// lock between two of the steps, and during one only as long as it takes to count some ten thousand
// slots. So what it tells is what each place was when it was looked at.

// Stretch is what a survey finds: a span in use or free, or that part of one without memory that lies
// in one arena and was used before, or never was.
type Stretch struct {
	Base, Bytes uintptr
	Use         Use
	Class       SpanClass // of a span in use, as what follows
	Slots       uint32
	Live, Held  uint32  // slots that callers have, and slots in the hands of caches
	Hollow      uintptr // bytes that a span in use has given back
}

// Use is what a stretch of address space is to its heap.
type Use uint8

const (
	InUse     Use = iota // a span of slots, or a large object
	Free                 // backed pages, in no span in use
	Released             // given back to the operating system
	Untouched            // never backed
)

// surveyStep is how many slots a step of a survey looks at, not counting the last span's.
const surveyStep = 1 << 15

// Survey appends to found what lies at the address or behind it, as far as one step goes, and returns
// where the next begins: 0 after the last. The first begins at 0.
func (h *Heap) Survey(found []Stretch, from uintptr) (_ []Stretch, next uintptr) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for looked := uint32(0); looked < surveyStep; {
		a := h.arenaFrom(from)
		if a == nil {
			return found, 0
		}
		from = max(from, a.region.Base)
		s := a.spanFrom(from)
		if s == nil {
			from = a.region.Base + arena.Size
			continue
		}
		looked += s.slots + 1
		switch {
		case s.state == stateInUse:
			if s.base >= from { // else it is of an earlier step
				found = append(found, s.stretch())
			}
		case s.state == stateScav:
			found = h.withoutMemory(found, max(s.base, from), s.limit())
		default:
			start := max(s.base, from)
			found = append(found, Stretch{Base: start, Bytes: s.limit() - start, Use: Free})
		}
		from = s.limit()
	}
	return found, from
}

// arenaFrom returns the arena that holds the address, or the first behind it, or nil.
func (h *Heap) arenaFrom(p uintptr) (first *Arena) {
	if a := ArenaOf(p); a != nil && a.Heap == h.id {
		return a
	}
	for _, a := range h.arenas {
		if a.region.Base >= p && (first == nil || a.region.Base < first.region.Base) {
			first = a
		}
	}
	return first
}

// spanFrom returns the span that holds the address, which lies in a, or nil when that is within a free
// span that reaches beyond a.
func (a *Arena) spanFrom(p uintptr) *Span {
	for limit := a.region.Base + arena.Size; p != limit; p += PageSize {
		if s := a.Entry(p).Span(); s != nil {
			return s
		}
	}
	return nil
}

// stretch counts the slots of s, which is in use.
func (s *Span) stretch() Stretch {
	x := Stretch{Base: s.base, Bytes: s.Bytes(), Use: InUse, Class: s.class, Slots: s.slots, Hollow: s.Hollow()}
	_, x.Held, x.Live = s.Count()
	return x
}

// withoutMemory appends what lies from start to end, which are of a scav span, arena by arena.
func (h *Heap) withoutMemory(found []Stretch, start, end uintptr) []Stretch {
	for start != end {
		a := ArenaOf(start)
		stop := min(end-start, a.region.Base+arena.Size-start) + start
		mark := min(max(a.region.Ready, start), stop)
		if start < mark {
			found = append(found, Stretch{Base: start, Bytes: mark - start, Use: Released})
		}
		if mark < stop {
			found = append(found, Stretch{Base: mark, Bytes: stop - mark, Use: Untouched})
		}
		start = stop
	}
	return found
}
