package mcentral

import "github.com/spanheap/spanheap/mheap"

// list is a doubly linked list of n spans, through their records. A span is on one list at most.
type list struct {
	first, last *mheap.Span
	n           uint64
	cursor      *mheap.Span // the next span of a walk from the last to the first; nil at its end
}

// push puts s, which is on no list, in front.
func (l *list) push(s *mheap.Span) {
	s.Prev, s.Next = nil, l.first
	if l.first != nil {
		l.first.Prev = s
	} else {
		l.last = s
	}
	l.first = s
	l.n++
}

// append puts s, which is on no list, at the end.
func (l *list) append(s *mheap.Span) {
	s.Prev, s.Next = l.last, nil
	if l.last != nil {
		l.last.Next = s
	} else {
		l.first = s
	}
	l.last = s
	l.n++
}

// remove takes s, which is on this list, off it.
func (l *list) remove(s *mheap.Span) {
	if l.cursor == s {
		l.cursor = s.Prev
	}
	if s.Prev == nil {
		l.first = s.Next
	} else {
		s.Prev.Next = s.Next
	}
	if s.Next == nil {
		l.last = s.Prev
	} else {
		s.Next.Prev = s.Prev
	}
	s.Prev, s.Next = nil, nil
	l.n--
}

// walk returns the next span of the walk, or nil at its end.
func (l *list) walk() *mheap.Span {
	s := l.cursor
	if s != nil {
		l.cursor = s.Prev
	}
	return s
}

// rewind begins a walk anew.
func (l *list) rewind() { l.cursor = l.last }
