package mcache

import "github.com/spanheap/spanheap/mheap"

// Walk is a look at the spans of all classes, in which those with live blocks give back what lies under their
// free slots: large slots first, which give most for a call of the system. It may take as long as it likes
// between two steps. The zero Walk is at its end.
type Walk struct {
	set   *Set
	class mheap.SpanClass // whose spans are looked at
	left  int             // of them
	age   uint32
}

// stepLooks is how many spans a step looks at, at most: so long nobody else gets at the class's.
const stepLooks = 64

// Walk returns a walk to spans that nobody has touched since so many other walks began, not counting those of
// age 0, which are to all spans.
func (s *Set) Walk(age uint32) Walk {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed || !s.heap.CanHollow() {
		return Walk{}
	}
	return Walk{set: s, class: mheap.Tiny + 1, age: age}
}

// Over tells whether the walk is at its end.
func (w *Walk) Over() bool { return w.set == nil }

// Step gives back what one span can give, if there is one among the next, and returns how many bytes that
// were, and whether there are more steps.
func (w *Walk) Step() (gave uintptr, more bool) {
	for w.left == 0 && w.set != nil {
		if w.class--; w.class.Large() {
			*w = Walk{}
			break
		}
		w.left = w.set.centrals[w.class].Round(w.age > 0)
	}
	if w.set == nil {
		return 0, false
	}
	looked, gave := w.set.centrals[w.class].Hollow(min(w.left, stepLooks), w.age)
	if w.left -= looked; looked == 0 {
		w.left = 0
	}
	return gave, true
}
