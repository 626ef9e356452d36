package spanheap

import (
	"slices"

	"github.com/spanheap/spanheap/mheap"
)

// Walking from roots to all blocks that they reach. Marks lie in a table beside the heap, a byte for each slot; a block is marked before it
// waits for its scan, so that none waits twice and cycles end.

// reachWaiting is how many blocks wait for their scan in order; the marks tell of all others.
var reachWaiting = 1 << 16

// Marks of a slot.
const (
	markReached = 1 << iota
	markWaiting // reached, but not scanned, and not among those that wait in order
)

// reachWalk is a walk from roots over a heap that is quiet.
type reachWalk struct {
	heap    *Heap
	spans   []markedSpan // by address
	number  map[uintptr]int
	guarded []guardedBlock
	waiting []reachBlock
	missed  bool // some are markWaiting
	reached uint64
}

// markedSpan is a span with a mark for each slot.
type markedSpan struct {
	*mheap.Span
	marks []uint8
}

// reachBlock is a live block.
type reachBlock struct {
	addr, size uintptr
	noscan     bool
}

func (h *Heap) newReachWalk() *reachWalk {
	w := &reachWalk{heap: h, number: map[uintptr]int{}, waiting: make([]reachBlock, 0, reachWaiting)}
	h.guards.mu.Lock()
	w.guarded = slices.Clone(h.guards.blocks)
	h.guards.mu.Unlock()
	slots := 0
	h.pages.Walk(func(s *mheap.Span) {
		w.number[s.States()] = len(w.spans)
		w.spans = append(w.spans, markedSpan{Span: s})
		slots += int(s.Slots())
	})
	marks := make([]uint8, slots)
	for i := range w.spans {
		n := w.spans[i].Slots()
		w.spans[i].marks, marks = marks[:n:n], marks[n:]
	}
	return w
}

// block returns the live block of slot i that the byte at offset of the slot is of.
func (w *reachWalk) block(s *markedSpan, i, offset uintptr) (b reachBlock, live bool) {
	class, state := s.Class(), s.State(i)
	if !mheap.Allocated(mheap.SlotState(state)) {
		return b, false
	}
	b = reachBlock{s.Base() + i*class.Layout().Bytes, class.Layout().Bytes, class.Noscan()}
	at := b.addr + offset
	switch {
	case class.Large():
		b.size = s.Bytes()
	case class == mheap.Guarded:
		if i >= uintptr(len(w.guarded)) || !w.guarded[i].live {
			return b, false
		}
		g := &w.guarded[i]
		b = reachBlock{g.addr, g.class.Layout().Bytes, g.class.Noscan()}
		return b, at-b.addr < b.size
	}
	return b, true
}

// reach marks the block that the byte at p is of, and tells whether there is one. If it is new and holds
// references it waits for its scan.
func (w *reachWalk) reach(p uintptr) bool {
	a := w.heap.key.ArenaOf(p)
	if a == nil {
		return false
	}
	e := a.Entry(p)
	if !e.InUse() {
		return false
	}
	number, known := w.number[e.States()]
	if !known {
		return false
	}
	s := &w.spans[number]
	i, offset := uintptr(0), uintptr(0)
	if bytes := s.Class().Layout().Bytes; bytes > 0 {
		i, offset = (p-s.Base())/bytes, (p-s.Base())%bytes
	}
	if i >= uintptr(s.Slots()) {
		return false // in the span's tail
	}
	b, live := w.block(s, i, offset)
	if !live {
		return false
	}
	if s.marks[i]&markReached != 0 {
		return true
	}
	s.marks[i] |= markReached
	w.reached++
	switch {
	case b.noscan:
	case len(w.waiting) < cap(w.waiting):
		w.waiting = append(w.waiting, b)
	default:
		s.marks[i] |= markWaiting
		w.missed = true
	}
	return true
}

// finish scans until nothing waits.
func (w *reachWalk) finish() {
	for w.scan(); w.missed; {
		w.missed = false
		for i := range w.spans {
			w.scanMissed(&w.spans[i])
		}
	}
}

// scanMissed scans the blocks of s that are markWaiting, and all that waits meanwhile.
func (w *reachWalk) scanMissed(s *markedSpan) {
	for i := range s.marks {
		if s.marks[i]&markWaiting == 0 {
			continue
		}
		s.marks[i] &^= markWaiting
		offset := uintptr(0)
		if s.Class() == mheap.Guarded {
			offset = w.guarded[i].addr - s.Base() - uintptr(i)*mheap.GuardSlot
		}
		b, _ := w.block(s, uintptr(i), offset)
		w.waiting = append(w.waiting, b)
		w.scan()
	}
}

// scan reaches what the waiting blocks refer to, until none waits in order.
func (w *reachWalk) scan() {
	for len(w.waiting) > 0 {
		b := w.waiting[len(w.waiting)-1]
		w.waiting = w.waiting[:len(w.waiting)-1]
		for _, word := range wordsAt(b.addr, b.size) {
			w.reach(word)
		}
	}
}

// unreached collects the live blocks without a mark.
func (w *reachWalk) unreached(most int) Unreached {
	u := Unreached{Heap: w.heap.name, Reached: w.reached, Classes: []UnreachedClass{}, Listed: []UnreachedBlock{}}
	var sums [mheap.NumSpanClasses + 1]UnreachedClass
	for n := range w.spans {
		s := &w.spans[n]
		w.eachBlock(s, func(i uintptr, b reachBlock) {
			if s.marks[i]&markReached != 0 {
				return
			}
			sum := &sums[min(s.Class()|1, mheap.Guarded)] // scan and noscan together
			sum.Class = className(s.Class())
			sum.Blocks++
			sum.Bytes += uint64(b.size)
			u.Blocks++
			u.Bytes += uint64(b.size)
			if most < 0 || len(u.Listed) < most {
				u.Listed = append(u.Listed, UnreachedBlock{b.addr, b.size, sum.Class, b.noscan})
			}
		})
	}
	// As Stats has them: tiny, the size classes, guarded, large.
	for _, sum := range slices.Concat(sums[mheap.Tiny:mheap.Guarded], sums[mheap.LargeNoscan+1:mheap.Tiny], sums[mheap.Guarded:], sums[:mheap.LargeNoscan+1]) {
		if sum.Blocks > 0 {
			u.Classes = append(u.Classes, sum)
		}
	}
	return u
}

// eachBlock calls f for every live block of s, by address, with its slot's number.
func (w *reachWalk) eachBlock(s *markedSpan, f func(i uintptr, b reachBlock)) {
	for i := range uintptr(s.Slots()) {
		if !mheap.Allocated(mheap.SlotState(s.State(i))) {
			continue
		}
		switch s.Class() {
		case mheap.Guarded:
			if b, _ := w.block(s, i, 0); b.addr != 0 && i < uintptr(len(w.guarded)) && w.guarded[i].live {
				f(i, b)
			}
		default:
			b, _ := w.block(s, i, 0)
			f(i, b)
		}
	}
}
