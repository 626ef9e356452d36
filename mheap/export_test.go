package mheap

import "github.com/spanheap/spanheap/arena"

const (
	PagesPerArena = pagesPerArena
	RecordSize    = recordSize
	Quantum       = quantum
	MinMove       = minMove

	MetaUnit  = metaUnit
	MetaSmall = metaSmall
	MetaChunk = metaChunk
	MetaStep  = metaStep
)

// ErrNoRoom is what Extend says when the pages behind a span are in use.
var ErrNoRoom = errNoRoom

// ArenaRecordBytes is how long the record of an arena is.
const ArenaRecordBytes = arenaRecordSize

// Run is a span as tests see it, in whatever state.
type Run struct {
	Base, Pages uintptr
	State       string
}

// Runs returns all spans in address order.
func (h *Heap) Runs() (runs []Run, err error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	err = h.walk(func(s *Span) error {
		runs = append(runs, Run{s.base, s.npages, s.state.String()})
		return nil
	})
	return runs, err
}

// Pages returns how many pages the span has.
func (s *Span) Pages() uintptr { return s.npages }

// Covers tells whether addresses in the arena at p can be looked up.
func Covers(p uintptr) bool { return indexOf(p) < uintptr(len(arenaIndex)) }

// NewMeta returns a maker of records over a system.
func NewMeta(system arena.System) *Meta {
	m := new(Meta)
	m.init(system, new(Budget))
	return m
}

// Close ends every block.
func (m *Meta) Close() { m.close() }

// Tree is a tree of spans that belong to no heap.
type Tree struct{ tree }

// Node returns a span for a Tree.
func Node(npages, base uintptr) *Span { return &Span{npages: npages, base: base, state: stateFree} }

func (t *Tree) Insert(s *Span)               { t.insert(s) }
func (t *Tree) Remove(s *Span)               { t.remove(s) }
func (t *Tree) BestFit(npages uintptr) *Span { return t.bestFit(npages) }
func (t *Tree) Largest() *Span               { return t.largest() }
func (t *Tree) Before(s *Span) *Span         { return t.before(s) }
func (t *Tree) Verify(n int) error           { return t.verify(stateFree, uintptr(n)) }

// Depth is the length of the longest way from the root.
func (t *Tree) Depth() int { return depth(t.root) }

func depth(s *Span) int {
	if s == nil {
		return 0
	}
	return 1 + max(depth(s.left), depth(s.right))
}

// StateBytes returns how long the states of the class's shortest span are.
func (sc SpanClass) StateBytes() uintptr { return sc.stateBytes(uintptr(sc.Layout().Pages)) }

// Tail returns how many bytes at the end of the layout's shortest span are too short for a slot.
func (l *Layout) Tail() uintptr { return uintptr(l.Pages)<<PageShift - uintptr(l.Slots)*l.Bytes }

// Break is a way to break a heap's structures, and what undoes it.
type Break func(h *Heap, s *Span) (undo func())

// with sets a variable for as long as the structure is broken.
func with[T any](x *T, broken T) (undo func()) {
	was := *x
	*x = broken
	return func() { *x = was }
}

// Breaks are by what Verify is to say of them. Each breaks s, which is in use, or a free span, or a count.
var Breaks = map[string]Break{
	"coverage: page ": func(h *Heap, s *Span) func() {
		return with(&ArenaOf(s.base).entries[s.base>>PageShift&(pagesPerArena-1)], 0)
	},
	"page map: page ": func(h *Heap, s *Span) func() {
		return with(&ArenaOf(s.base).entries[(s.base>>PageShift+1)&(pagesPerArena-1)], 0x1234)
	},
	"span state: span ":    func(h *Heap, s *Span) func() { return with(&s.state, 77) },
	"tree count: ":         func(h *Heap, s *Span) func() { return with(&h.free.n, h.free.n+1) },
	"tree links: ":         func(h *Heap, s *Span) func() { return with(&h.free.root.parent, s) },
	"tree states: ":        func(h *Heap, s *Span) func() { return with(&h.free.root, s) },
	"count of free pages:": func(h *Heap, s *Span) func() { h.freePages.Add(1); return func() { h.freePages.Add(^uint64(0)) } },
	"count of large spans:": func(h *Heap, s *Span) func() {
		h.largeSpans.Add(1)
		return func() { h.largeSpans.Add(^uint64(0)) }
	},
}
