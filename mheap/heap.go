// Package mheap is the page heap: all pages of one heap, in spans that are in use, free (backed by
// memory) or scav (given back to the operating system, or never used).
//
// An allocation takes the best fit of the free tree, or that of the scav tree where the free one is
// far longer, equal lengths lowest address first, and splits it: the head is committed, the tail stays
// what it was. When no span fits but a run of free and scav neighbours does, the run is joined; else the
// heap grows by arenas, which count as scav until they are used. A span that is freed joins its
// free neighbours.
//
// Before a large object takes memory from the operating system, as much that is free in shorter spans can be given back.
//
// A large object changes its length where it lies, into idle spans behind it, or is carried elsewhere.
//
// The package also holds what the layers above share about spans: their records, their classes,
// the states of their slots and the lock-free way from an address to a span.
package mheap

import (
	"errors"
	"sync"
	"sync/atomic"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/internal/lockrank"
)

// Heap is a page heap. It is safe for concurrent use; its methods may take locks and call the
// operating system, so none is called by a pinned goroutine.
type Heap struct {
	id     uint32
	space  *arena.Space
	meta   Meta
	budget Budget

	giving sync.RWMutex // read-locked by those whose spans are releasing; taken before mu

	mu     lockrank.Mutex
	free   tree
	scav   tree
	arenas []*Arena // in the order they were taken
	spares [cutRests]*Span
	stir   func() // this and used: immutable once the heap is in use
	used   func()

	useHollow  bool // this, useTrade and huge: immutable once the heap is in use
	useTrade   bool
	huge       HugePages
	toCollapse []*Arena // dense arenas with stretches that may become huge
	guards     guards
	noAdvice   atomic.Bool

	// written under mu, read by anyone
	freePages      atomic.Uint64 // backed pages of spans not in use, those being released among them
	scavPages      atomic.Uint64 // pages of scav spans
	untouchedBytes atomic.Uint64 // bytes of arenas never committed: part of the scav pages
	committedBytes atomic.Uint64 // bytes backed, ever: what was given back and backed again counts again
	arenaCount     atomic.Uint64
	largeSpans     atomic.Uint64 // spans in use that are large objects
	largePages     atomic.Uint64
	hugeBytes      atomic.Uint64 // of arenas for which the system is asked for huge pages
	shutPages      atomic.Uint64 // of the span of guarded blocks, without memory
	peakPages      atomic.Uint64 // the most that were in use since Peak

	hollowBytes atomic.Uint64 // of spans in use, given back; written by who holds the spans
}

// New returns an empty page heap. id is its number in the process, and arenas come from space. Its
// records come from metadata.
func New(id uint32, space *arena.Space, metadata arena.System) *Heap {
	h := &Heap{id: id, space: space, stir: func() {}, used: func() {}}
	h.mu.Init(lockrank.PageHeap)
	h.meta.init(metadata, &h.budget)
	return h
}

// ID returns the heap's number in the process.
func (h *Heap) ID() uint32 { return h.id }

// Committed returns how many bytes have been backed, ever: it rises when what is free does not do.
func (h *Heap) Committed() uint64 { return h.committedBytes.Load() }

// Budget returns what bounds the memory that the heap has backed.
func (h *Heap) Budget() *Budget { return &h.budget }

// Meta returns the maker of the heap's records.
func (h *Heap) Meta() *Meta { return &h.meta }

// ErrClosed is the error of what is asked of a closed heap.
var ErrClosed = errors.New("the heap is closed")

var errTooLarge = errors.New("larger than the address space")

// Alloc returns a span of the class, npages long, which begins at a multiple of align bytes, a
// power of two; 0 asks for no more than a page's. The slots' states are InSpan. The error is the
// operating system's, or ErrLimit, and leaves the heap as it was.
func (h *Heap) Alloc(npages uintptr, class SpanClass, align uintptr) (*Span, error) {
	record, err := h.newRecord(class, npages)
	if err != nil {
		if s := h.again(npages, class, align); s != nil {
			return s, nil
		}
		return nil, err
	}
	h.mu.Lock()
	s, err := h.place(record, npages, max(align, PageSize))
	if err == nil {
		h.enter(s, class)
	}
	h.mu.Unlock()
	if err != nil {
		h.freeRecord(record)
		return nil, err
	}
	h.collapse()
	return s, nil
}

// again returns a free span of exactly npages with its own record, when there is one that suits: what
// was freed can be allocated again, though there is no memory for another record.
func (h *Heap) again(npages uintptr, class SpanClass, align uintptr) *Span {
	h.mu.Lock()
	defer h.mu.Unlock()
	s := h.free.bestFit(npages)
	states := class.stateBytes(npages)
	if s == nil || s.npages != npages || uintptr(s.recordBytes) < recordSize+states || align > 0 && s.base&(align-1) != 0 {
		return nil
	}
	h.remove(s)
	s.unmapEdges()
	h.freePages.Add(-uint64(npages))
	s.SlotCounts = SlotCounts{}
	s.needZero = true
	clearBytes(s.states(), states)
	h.enter(s, class)
	return s
}

// enter makes s, which is in no tree, a span in use. The caller holds h.mu.
func (h *Heap) enter(s *Span, class SpanClass) {
	s.class = class
	s.slots = class.SlotsIn(s.npages)
	s.state = stateInUse
	h.noteUse()
	s.mapPages(0)
	h.count(s.base, s.npages, true)
	if class.Large() {
		h.largeSpans.Add(1)
		h.largePages.Add(uint64(s.npages))
	}
}

// Free takes back a span in use whose slots are all in it. It never fails.
func (h *Heap) Free(s *Span) { h.giveBack(s, stateFree) }

// giveBack ends the use of s, whose pages become free or scav.
func (h *Heap) giveBack(s *Span, state spanState) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s.class.Large() {
		h.largeSpans.Add(^uint64(0))
		h.largePages.Add(-uint64(s.npages))
	}
	s.unmapSpan()
	h.count(s.base, s.npages, false)
	if state == stateFree {
		h.freePages.Add(uint64(s.npages))
	} else {
		h.scavPages.Add(uint64(s.npages))
		h.budget.give(s.Bytes() - s.Hollow())
		h.hollowBytes.Add(-uint64(s.Hollow()))
		s.hollow = 0
	}
	h.insert(s, state)
}

// newRecord returns a record with room for the states of a span of the class, npages long.
func (h *Heap) newRecord(class SpanClass, npages uintptr) (*Span, error) {
	n := metaRound(recordSize + class.stateBytes(npages))
	p, err := h.meta.Alloc(n)
	if err != nil {
		return nil, err
	}
	s := spanAt(p)
	s.recordBytes = uint32(n)
	return s, nil
}

func (h *Heap) freeRecord(s *Span) { h.meta.Free(addressOf(s), uintptr(s.recordBytes)) }

// insert puts s, which is in no tree, into the tree of the state, joined with its neighbours of
// that state. It returns the span that s has become part of.
func (h *Heap) insert(s *Span, state spanState) *Span {
	s.state = state
	t := h.treeOf(state)
	if prev := h.prevOf(s); prev != nil && prev.state == state {
		t.remove(prev)
		prev.unmapEdges()
		prev.npages += s.npages
		h.freeRecord(s)
		s = prev
	}
	if next := h.nextOf(s); next != nil && next.state == state {
		t.remove(next)
		next.unmapEdges()
		s.npages += next.npages
		h.freeRecord(next)
	}
	s.mapEdges()
	t.insert(s)
	if state == stateFree {
		h.stir()
	}
	return s
}

// remove takes s out of its tree. Its edges stay mapped.
func (h *Heap) remove(s *Span) { h.treeOf(s.state).remove(s) }

func (h *Heap) treeOf(state spanState) *tree {
	if state == stateFree {
		return &h.free
	}
	return &h.scav
}

// prevOf returns the span that ends where s begins, in whatever state, or nil.
func (h *Heap) prevOf(s *Span) *Span { return h.spanAt(s.base - PageSize) }

// nextOf returns the span that begins where s ends, in whatever state, or nil.
func (h *Heap) nextOf(s *Span) *Span { return h.spanAt(s.limit()) }

// spanAt returns this heap's span that holds the page at p, which is an edge of it, or nil.
func (h *Heap) spanAt(p uintptr) *Span {
	a := ArenaOf(p)
	if a == nil || a.Heap != h.id {
		return nil
	}
	return a.Entry(p).Span()
}

// Close ends every span. The arenas are given back to the address space, decommitted, for other
// heaps. Nobody may use the heap or its blocks any more.
func (h *Heap) Close() {
	h.mu.Lock()
	defer h.mu.Unlock()
	regions := make([]arena.Region, 0, len(h.arenas))
	for _, a := range h.arenas {
		h.unadvise(a)
		a.retract()
		regions = append(regions, a.region)
	}
	h.space.Give(regions)
	h.budget.give(uintptr(h.arenaCount.Load()*pagesPerArena-h.scavPages.Load()-h.shutPages.Load())<<PageShift - uintptr(h.hollowBytes.Swap(0)))
	h.arenas, h.toCollapse, h.free, h.scav = nil, nil, tree{}, tree{}
	h.spares = [cutRests]*Span{}
	h.freePages.Store(0)
	h.scavPages.Store(0)
	h.shutPages.Store(0)
	h.guards = guards{}
	h.untouchedBytes.Store(0)
	h.arenaCount.Store(0)
	h.largeSpans.Store(0)
	h.largePages.Store(0)
	h.meta.close()
}
