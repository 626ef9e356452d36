package heapz

import (
	"net/http"

	"github.com/spanheap/spanheap"
)

// HeapArenas is what /arenas.json shows of a heap.
type HeapArenas struct {
	ID     int        `json:"id"`
	Name   string     `json:"name"`
	Arenas []ArenaUse `json:"arenas"` // by address
}

// ArenaUse says what the bytes of an arena are used for. Small and large are spans in use.
type ArenaUse struct {
	Addr      uintptr `json:"addr"`
	Small     uint64  `json:"small"`
	Live      uint64  `json:"live"`   // of Small, slots that hold live blocks
	Hollow    uint64  `json:"hollow"` // of Small, free slots that were given back
	Large     uint64  `json:"large"`
	Free      uint64  `json:"free"`
	Released  uint64  `json:"released"`
	Untouched uint64  `json:"untouched"`
}

// arenas is the map of the heaps' address space.
func arenas(w http.ResponseWriter, r *http.Request) error {
	q, err := parse(r, "heap", "format")
	if err != nil {
		return err
	}
	asJSON, err := q.wantsJSON(r)
	if err != nil {
		return err
	}
	heaps, err := q.heaps()
	if err != nil {
		return err
	}
	tables, body := mapOf(heaps)
	if asJSON {
		return showJSON(w, tables)
	}
	return show(w, q, "arenas", "Arenas", body)
}

// arenasBody is the map of heaps' arenas, a section for each heap.
type arenasBody struct {
	Heaps  []arenasSection
	Legend []legend
	Arena  uint64
}

type arenasSection struct {
	HeapArenas
	Figures   []figure
	CellBytes uint64
}

// mapOf returns the heaps' arenas, as figures and as drawings.
func mapOf(heaps []*spanheap.Heap) (tables []HeapArenas, body arenasBody) {
	tables, body = []HeapArenas{}, arenasBody{Legend: mapLegend, Arena: spanheap.ArenaBytes}
	for _, h := range heaps {
		m := newArenaMap(h.Stats().Arenas)
		t := HeapArenas{ID: h.ID(), Name: h.Name(), Arenas: []ArenaUse{}}
		for s := range h.Spans() {
			t.add(s)
			m.add(s)
		}
		tables = append(tables, t)
		body.Heaps = append(body.Heaps, arenasSection{t, m.figures(t.Arenas), m.cellBytes})
	}
	return tables, body
}

// add counts the stretch, which may reach over several arenas.
func (t *HeapArenas) add(s spanheap.Span) {
	live, hollow := uint64(s.Live)*s.Size, s.Hollow
	for addr, left := s.Addr, s.Bytes; left > 0; {
		base := addr &^ (spanheap.ArenaBytes - 1)
		n := min(left, uint64(base+spanheap.ArenaBytes-addr))
		if last := len(t.Arenas) - 1; last < 0 || t.Arenas[last].Addr != base {
			t.Arenas = append(t.Arenas, ArenaUse{Addr: base})
		}
		a := &t.Arenas[len(t.Arenas)-1]
		switch {
		case s.State == spanheap.SpanFree:
			a.Free += n
		case s.State == spanheap.SpanReleased:
			a.Released += n
		case s.State == spanheap.SpanUntouched:
			a.Untouched += n
		case s.Size == 0:
			a.Large += n
		default:
			a.Small += n
			a.Live += min(live, n)
			a.Hollow += min(hollow, n)
			hollow -= min(hollow, n)
			live -= min(live, n)
		}
		addr, left = addr+uintptr(n), left-n
	}
}
