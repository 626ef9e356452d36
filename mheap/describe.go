package mheap

import (
	"fmt"
	"strings"
)

// How messages tell of spans and slots. What is told may be broken: nothing is read beyond a span's record.

// describedRuns is how many runs of slots of one state a message tells.
const describedRuns = 24

// String describes the span for messages: where it lies, its class and counts, and its slots' states.
func (s *Span) String() string {
	if s == nil {
		return "no span"
	}
	text := fmt.Sprintf("span %#x..%#x (%d pages, %v", s.base, s.limit(), s.npages, s.state)
	if s.state == stateInUse {
		text += fmt.Sprintf(", class %v, %d slots %s, taken %d, returned %d, held %t, list %d",
			s.class, s.slots, s.SlotRuns(), s.Taken, s.Returned, s.Held, s.List)
	}
	return text + ")"
}

// SlotRuns tells the states of the span's slots by runs, each its length and L for Live, N for Noted, H for Held,
// S for InSpan: 12L3S. The first runs are told, and ... for the rest.
func (s *Span) SlotRuns() string {
	var b strings.Builder
	slots := min(uintptr(s.slots), (max(uintptr(s.recordBytes), recordSize) - recordSize))
	for i, runs := uintptr(0), 0; i < slots; runs++ {
		if runs == describedRuns {
			b.WriteString("...")
			break
		}
		letter, start := stateLetter(*byteAt(s.State(i))), i
		for i++; i < slots && stateLetter(*byteAt(s.State(i))) == letter; i++ {
		}
		fmt.Fprintf(&b, "%d%c", i-start, letter)
	}
	return b.String()
}

func stateLetter(state uint8) byte {
	switch {
	case state < Live:
		return 'S'
	case IsLive(state):
		return 'L'
	case IsHeld(state):
		return 'H'
	}
	return 'N'
}

// String names the class for messages: its number, its slots' bytes, and whether they hold references.
func (sc SpanClass) String() string {
	kind := "scan"
	if sc.Noscan() {
		kind = "noscan"
	}
	switch {
	case sc.Large():
		return "large " + kind
	case sc == Tiny:
		return "tiny"
	case sc == Guarded:
		return "guarded"
	}
	return fmt.Sprintf("%d %s of %d bytes", sc.Size(), kind, sc.Layout().Bytes)
}

// VerifySlots checks that the slots' states agree with the span's counts. It is exact while nobody takes slots or
// gives them back.
func (s *Span) VerifySlots() error {
	if inSpan, _, _ := s.Count(); inSpan != s.Free() {
		return fmt.Errorf("slot conservation: %d slots are in the span, its counts say %d: %v", inSpan, int32(s.Free()), s)
	}
	return nil
}
