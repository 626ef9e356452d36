package mheap

// tree holds spans ordered by length, then by address, in a treap (Seidel and Aragon, Randomized
// Search Trees, 1996): a binary search tree that is kept balanced by being, at the same time, a
// heap of random priorities. The page heap has two, for its free and for its scav spans; its lock
// guards both. A span is in at most one tree, and is not resized while it is in one.
type tree struct {
	root *Span
	seed uint32
	n    uintptr // spans
}

// less is the order: shorter first, then lower address.
func less(npages, base uintptr, s *Span) bool {
	return npages < s.npages || npages == s.npages && base < s.base
}

// bestFit returns the shortest span of at least npages, among equals the one at the lowest
// address, or nil.
func (t *tree) bestFit(npages uintptr) (best *Span) {
	for s := t.root; s != nil; {
		if s.npages >= npages {
			best, s = s, s.left
		} else {
			s = s.right
		}
	}
	return best
}

// largest returns the longest span, among equals the one at the highest address, or nil.
func (t *tree) largest() *Span {
	s := t.root
	for s != nil && s.right != nil {
		s = s.right
	}
	return s
}

// before returns the span that comes before s in the order, or nil.
func (t *tree) before(s *Span) *Span {
	if s.left != nil {
		for s = s.left; s.right != nil; s = s.right {
		}
		return s
	}
	for s.parent != nil && s.parent.left == s {
		s = s.parent
	}
	return s.parent
}

func (t *tree) insert(s *Span) {
	var parent *Span
	link := &t.root
	for *link != nil {
		parent = *link
		if less(s.npages, s.base, parent) {
			link = &parent.left
		} else {
			link = &parent.right
		}
	}
	*link = s
	s.left, s.right, s.parent = nil, nil, parent
	s.priority = t.random()
	for s.parent != nil && s.parent.priority > s.priority {
		t.rotateUp(s)
	}
	t.n++
}

func (t *tree) remove(s *Span) {
	for s.left != nil || s.right != nil {
		if s.right == nil || s.left != nil && s.left.priority < s.right.priority {
			t.rotateUp(s.left)
		} else {
			t.rotateUp(s.right)
		}
	}
	*t.link(s) = nil
	s.parent = nil
	t.n--
}

// rotateUp lifts s over its parent.
func (t *tree) rotateUp(s *Span) {
	parent := s.parent
	*t.link(parent) = s
	s.parent = parent.parent
	var child *Span
	if parent.left == s {
		child, parent.left, s.right = s.right, s.right, parent
	} else {
		child, parent.right, s.left = s.left, s.left, parent
	}
	parent.parent = s
	if child != nil {
		child.parent = parent
	}
}

// link returns the pointer that leads to s.
func (t *tree) link(s *Span) **Span {
	switch {
	case s.parent == nil:
		return &t.root
	case s.parent.left == s:
		return &s.parent.left
	default:
		return &s.parent.right
	}
}

// random is a xorshift generator (Marsaglia, Xorshift RNGs, 2003): the tree's shape depends on
// the order of the operations alone.
func (t *tree) random() uint32 {
	x := t.seed
	if x == 0 {
		x = 2463534242
	}
	x ^= x << 13
	x ^= x >> 17
	x ^= x << 5
	t.seed = x
	return x
}
