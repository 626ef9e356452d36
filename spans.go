package spanheap

import (
	"fmt"
	"iter"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mheap"
)

// ArenaBytes is the size of an arena, and what its address is a multiple of: 64 MiB, and 4 MiB where address
// space is scarce.
const ArenaBytes = arena.Size

// Span is a stretch of a heap's address space: what one place of it is used for. Spans, free pages, pages
// given back and address space never used, one behind the other, are all of the heap's arenas.
type Span struct {
	Addr  uintptr   `json:"addr"`  // of the first byte
	Bytes uint64    `json:"bytes"` // length, a multiple of 8 KiB
	State SpanState `json:"state"`

	// Of a span in use:
	Class  string `json:"class,omitempty"`  // as ClassStats.Name
	Size   uint64 `json:"size,omitempty"`   // bytes of a slot, without the inaccessible pages around a guarded one; 0 for a large object
	Noscan bool   `json:"noscan,omitempty"` // its blocks hold no references to others
	Slots  int    `json:"slots,omitempty"`  // 1 for a large object
	Live   int    `json:"live,omitempty"`   // slots that hold live blocks
	Cached int    `json:"cached,omitempty"` // free slots in the hands of caches; the rest lie in the span
	Hollow uint64 `json:"hollow,omitempty"` // bytes under the rest that were given back: Stats.Released, too
}

// SpanState is what a stretch of address space is to its heap.
type SpanState uint8

const (
	SpanInUse     SpanState = iota // cut into slots of a class, or one large object; of that of guarded blocks most is Stats.Guards
	SpanFree                       // backed pages in no span in use: Stats.FreePages
	SpanReleased                   // given back to the operating system: Stats.Released, but for spans' Hollow
	SpanUntouched                  // never used: Stats.Untouched, but for what is reserved for metadata
)

var spanStates = [...]string{SpanInUse: "in use", SpanFree: "free", SpanReleased: "released", SpanUntouched: "untouched"}

// String returns the state's name: "in use", "free", "released", "untouched".
func (s SpanState) String() string {
	if int(s) < len(spanStates) {
		return spanStates[s]
	}
	return fmt.Sprintf("SpanState(%d)", s)
}

// MarshalText returns the state's name.
func (s SpanState) MarshalText() ([]byte, error) { return []byte(s.String()), nil }

// UnmarshalText sets the state by its name.
func (s *SpanState) UnmarshalText(name []byte) error {
	for i, known := range spanStates {
		if known == string(name) {
			*s = SpanState(i)
			return nil
		}
	}
	return fmt.Errorf("spanheap: %q is no state of a span", name)
}

// Spans returns what the heap's arenas are used for, by ascending address and without a gap. It looks a
// stretch at a time, some hundred microseconds each, in which the heap gets no pages; between them others
// go on, the loop's body too, whatever it does. So each span is as it was at one moment, and all of
// them together only when the heap is quiet. A heap that is closed has none.
func (h *Heap) Spans() iter.Seq[Span] {
	return func(yield func(Span) bool) {
		var found []mheap.Stretch
		for from := uintptr(0); ; {
			if found, from = h.survey(found[:0], from); len(found) == 0 && from == 0 {
				return
			}
			for _, x := range found {
				s := spanOf(x)
				if x.Class == mheap.Guarded && x.Use == mheap.InUse {
					s.Size = uint64(h.pages.GuardBytes())
				}
				if !yield(s) {
					return
				}
			}
			if from == 0 {
				return
			}
		}
	}
}

// survey is a step of the page heap's survey, or none of a heap that is closed.
func (h *Heap) survey(found []mheap.Stretch, from uintptr) ([]mheap.Stretch, uintptr) {
	if !h.readable() {
		return nil, 0
	}
	defer h.readers.RUnlock()
	return h.pages.Survey(found, from)
}

func spanOf(x mheap.Stretch) Span {
	s := Span{Addr: x.Base, Bytes: uint64(x.Bytes), State: SpanState(x.Use)}
	if x.Use == mheap.InUse {
		s.Class = className(x.Class)
		s.Size = uint64(x.Class.Layout().Bytes)
		s.Noscan = x.Class.Noscan()
		s.Slots, s.Live, s.Cached = int(x.Slots), int(x.Live), int(x.Held)
		s.Hollow = uint64(x.Hollow)
	}
	return s
}
