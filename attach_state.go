package spanheap

import (
	"os"
	"runtime"
	"runtime/metrics"
	"slices"
	"time"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/internal/statpage"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// pageState makes the page's state anew each time, in the memory of the time before.
type pageState struct {
	page    statpage.Page
	heap    statpage.Heap // the one that is being added
	stats   Stats
	started time.Time

	goSamples []metrics.Sample
	osStacks  uint64
	reserved  uint64 // the heaps' address space when its extents were taken
}

// A page has room for every class.
const _ = uint(statpage.MaxRows - (sizeclass.NumClasses + 2))

// now returns the page as it is now.
func (s *pageState) now() *statpage.Page {
	p := &s.page
	extents := p.Extents
	p.Reset()
	p.Extents = extents
	x := &p.Process
	x.PID = uint64(os.Getpid())
	x.Started = uint64(s.started.UnixNano())
	x.Backed, x.Limit = mheap.Process.Backed(), mheap.Process.Limit()
	if arena.InGoHeap() {
		x.Flags |= statpage.ArenasInGoHeap
	}
	reserved := uint64(0)
	eachHeap(func(h *Heap) {
		x.OpenHeaps++
		s.add(h)
		reserved += s.stats.Reserved
	})
	if reserved != s.reserved {
		s.reserved = reserved
		s.takeExtents()
	}
	if len(p.Extents) > statpage.MaxExtents {
		x.Flags |= statpage.ExtentsCut
	}
	s.addGo(x)
	x.Written = uint64(time.Now().UnixNano())
	return p
}

// add adds a heap, as one of its own or to the last if the page is full.
func (s *pageState) add(h *Heap) {
	s.stats = Stats{}
	to := &s.heap
	rows := slices.Grow(to.Rows[:0], statpage.MaxRows) // at once, the first time
	*to = statpage.Heap{Name: h.name, Purpose: h.purpose, ID: uint64(h.id), Summed: 1, Rows: rows}
	h.readStats(&s.stats, func(c classCounts) {
		if c.Spans > 0 {
			to.Rows = append(to.Rows, rowOf(c))
		}
	})
	copyColumns(to, &s.stats)
	to.Limit = h.pages.Budget().Limit()
	if record := s.page.AddHeap(); record != nil {
		rows := record.Rows
		*record = *to
		record.Rows = append(rows, to.Rows...)
		return
	}
	last := &s.page.Heaps[len(s.page.Heaps)-1]
	last.Add(to)
	last.Name, last.Purpose = "others", ""
}

// copyColumns copies the columns that are of no class.
func copyColumns(to *statpage.Heap, s *Stats) {
	to.Live, to.Rounding, to.SpanTail, to.CachedSlots, to.CentralSlots = s.Live, s.Rounding, s.SpanTail, s.CachedSlots, s.CentralSlots
	to.FreePages, to.Metadata, to.Backed, to.Released, to.Mapped = s.FreePages, s.Metadata, s.Backed, s.Released, s.Mapped
	to.Untouched, to.Reserved, to.Guards, to.HugeAsked = s.Untouched, s.Reserved, s.Guards, s.HugeAsked
	to.LiveBlocks, to.Mallocs, to.Frees, to.Spans, to.Arenas = s.LiveBlocks, s.Mallocs, s.Frees, s.Spans, s.Arenas
}

func rowOf(c classCounts) statpage.Row {
	r := statpage.Row{
		Class: c.class, Size: c.Size, Spans: c.Spans, SpanBytes: c.SpanBytes, Slots: c.Slots, LiveSlots: c.LiveSlots,
		Live: c.Live, Rounding: c.Rounding, SpanTail: c.SpanTail, CachedSlots: c.CachedSlots, CentralSlots: c.CentralSlots,
		Mallocs: c.mallocs, Frees: c.mallocs - min(c.blocks, c.mallocs),
	}
	counted := c.full
	r.Occupancy[0] = c.full
	for i, n := range c.roomy {
		r.Occupancy[1+i] = n
		counted += n
	}
	r.Occupancy[statpage.Occupancies-1] = c.Spans - min(counted, c.Spans)
	return r
}

// takeExtents asks all heaps where they are, and joins what touches.
func (s *pageState) takeExtents() {
	var all []mheap.Extent
	eachHeap(func(h *Heap) { all = append(all, h.pages.Extents()...) })
	slices.SortFunc(all, func(a, b mheap.Extent) int {
		if a.Addr < b.Addr {
			return -1
		}
		return 1
	})
	joined := s.page.Extents[:0]
	for _, e := range all {
		if n := len(joined); n > 0 && joined[n-1].Addr+joined[n-1].Bytes == uint64(e.Addr) {
			joined[n-1].Bytes += uint64(e.Bytes)
		} else {
			joined = append(joined, statpage.Extent{Addr: uint64(e.Addr), Bytes: uint64(e.Bytes)})
		}
	}
	s.page.Extents = joined
}

// addGo adds what the Go runtime says of its own memory.
func (s *pageState) addGo(x *statpage.Process) {
	words := [...]struct {
		name string
		to   *uint64
	}{
		{"/memory/classes/total:bytes", &x.GoTotal},
		{"/memory/classes/heap/released:bytes", &x.GoReleased},
		{"/memory/classes/heap/objects:bytes", &x.GoObjects},
		{"/memory/classes/heap/unused:bytes", &x.GoUnused},
		{"/memory/classes/heap/free:bytes", &x.GoFree},
		{"/memory/classes/heap/stacks:bytes", &x.GoStacks},
		{"/memory/classes/os-stacks:bytes", &s.osStacks},
		{"/sched/goroutines:goroutines", &x.Goroutines},
		{"/gc/cycles/total:gc-cycles", &x.GCCycles},
		{"/gc/gomemlimit:bytes", &x.GoLimit},
	}
	if s.goSamples == nil {
		for _, w := range words {
			s.goSamples = append(s.goSamples, metrics.Sample{Name: w.name})
		}
	}
	metrics.Read(s.goSamples)
	for i, w := range words {
		if v := s.goSamples[i].Value; v.Kind() == metrics.KindUint64 {
			*w.to = v.Uint64()
		}
	}
	x.GoStacks += s.osStacks
	x.Procs = uint64(runtime.GOMAXPROCS(0))
}
