package mcentral

import "github.com/spanheap/spanheap/mheap"

// list is a doubly linked list of n spans, through their records. A span is on one list at most.
type list struct {
	first *mheap.Span
	n     uint64
}

// push puts s, which is on no list, in front.
func (l *list) push(s *mheap.Span) {
	s.Prev, s.Next = nil, l.first
	if l.first != nil {
		l.first.Prev = s
	}
	l.first = s
	l.n++
}

// remove takes s, which is on this list, off it.
func (l *list) remove(s *mheap.Span) {
	if s.Prev == nil {
		l.first = s.Next
	} else {
		s.Prev.Next = s.Next
	}
	if s.Next != nil {
		s.Next.Prev = s.Prev
	}
	s.Prev, s.Next = nil, nil
	l.n--
}
