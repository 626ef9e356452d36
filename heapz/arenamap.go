package heapz

import (
	"fmt"
	"strings"

	"github.com/spanheap/spanheap"
)

// A map of arenas is drawn in figures of mapCells cells, mapColumns a row. A figure is one arena; of heaps
// with more than mapFigures arenas it is as many, one behind the other, as keep the page short. A cell has
// the colour of what most of its bytes are.
const (
	mapColumns = 128
	mapCells   = 1024
	mapFigures = 48
	rowHeight  = 9 // pixels
)

// mapKind is what a byte on the map is.
type mapKind uint8

const (
	mapSmall mapKind = iota // a span whose live slots are below a quarter of all; then below half, three quarters, and the rest
	mapLarge mapKind = iota + 3
	mapFree
	mapReleased
	mapUntouched
	mapKinds
)

// legend is a kind's colour and meaning.
type legend struct{ Kind, Name string }

var mapLegend = []legend{
	mapSmall:     {"small1", "small blocks, under a quarter live"},
	mapSmall + 1: {"small2", "under half"},
	mapSmall + 2: {"small3", "under three quarters"},
	mapSmall + 3: {"small4", "more"},
	mapLarge:     {"large", "large blocks"},
	mapFree:      {"free", "free pages"},
	mapReleased:  {"released", "given back"},
	mapUntouched: {"untouched", "never used"},
}

func mapKindOf(s spanheap.Span) mapKind {
	switch s.State {
	case spanheap.SpanFree:
		return mapFree
	case spanheap.SpanReleased:
		return mapReleased
	case spanheap.SpanUntouched:
		return mapUntouched
	}
	if s.Size == 0 {
		return mapLarge
	}
	return mapSmall + mapKind(min(s.Live*4/s.Slots, 3))
}

// arenaMap is the cells of a heap's arenas, by address, for each the bytes by kind.
type arenaMap struct {
	perFigure uint64 // arenas
	cellBytes uint64
	bases     []uintptr // of the arenas
	cells     [][mapKinds]uint64
}

// newArenaMap returns an empty map for about so many arenas.
func newArenaMap(arenas uint64) *arenaMap {
	m := &arenaMap{perFigure: 1}
	for arenas > m.perFigure*mapFigures {
		m.perFigure *= 2
	}
	m.cellBytes = max(m.perFigure*spanheap.ArenaBytes/mapCells, 8<<10)
	return m
}

// add adds the bytes of the stretch, the next by address, to their cells.
func (m *arenaMap) add(s spanheap.Span) {
	kind := mapKindOf(s)
	for addr, left := s.Addr, s.Bytes; left > 0; {
		base := addr &^ (spanheap.ArenaBytes - 1)
		if last := len(m.bases) - 1; last < 0 || m.bases[last] != base {
			m.bases = append(m.bases, base)
		}
		place := uint64(len(m.bases)-1)*spanheap.ArenaBytes + uint64(addr-base)
		cell := int(place / m.cellBytes)
		for len(m.cells) <= cell {
			m.cells = append(m.cells, [mapKinds]uint64{})
		}
		n := min(left, m.cellBytes-place%m.cellBytes)
		m.cells[cell][kind] += n
		addr, left = addr+uintptr(n), left-n
	}
}

// figure is a drawing of one arena, or of several.
type figure struct {
	First, Last string // addresses of the first arena and behind the last
	Arenas      int
	ArenaUse    // summed up
	Rows        int
	Height      int // pixels, however wide the page
	Paths       []figurePath
}

// figurePath draws all of a figure's cells of one kind.
type figurePath struct{ Kind, D string }

// figures returns the map's drawings, with the arenas' figures.
func (m *arenaMap) figures(arenas []ArenaUse) (all []figure) {
	perFigure := int(m.perFigure)
	cells := perFigure * int(spanheap.ArenaBytes/m.cellBytes)
	for first := 0; first < len(arenas); first += perFigure {
		group := arenas[first:min(first+perFigure, len(arenas))]
		f := figure{
			First:  fmt.Sprintf("%#x", group[0].Addr),
			Last:   fmt.Sprintf("%#x", group[len(group)-1].Addr+spanheap.ArenaBytes),
			Arenas: len(group),
		}
		for _, a := range group {
			f.Small += a.Small
			f.Live += a.Live
			f.Large += a.Large
			f.Free += a.Free
			f.Released += a.Released
			f.Untouched += a.Untouched
		}
		start := first / perFigure * cells
		f.draw(m.cells[start:min(start+cells, len(m.cells))])
		all = append(all, f)
	}
	return all
}

// draw makes the paths: runs of cells of one kind are one box.
func (f *figure) draw(cells [][mapKinds]uint64) {
	f.Rows = (len(cells) + mapColumns - 1) / mapColumns
	f.Height = f.Rows * rowHeight
	var paths [mapKinds]strings.Builder
	for i := 0; i < len(cells); {
		kind, run := mostOf(cells[i]), 1
		for i+run < len(cells) && (i+run)%mapColumns != 0 && mostOf(cells[i+run]) == kind {
			run++
		}
		fmt.Fprintf(&paths[kind], "M%d %dh%dv1h-%[3]dz", i%mapColumns, i/mapColumns, run)
		i += run
	}
	for kind := range paths {
		if paths[kind].Len() > 0 {
			f.Paths = append(f.Paths, figurePath{mapLegend[kind].Kind, paths[kind].String()})
		}
	}
}

// mostOf returns what most of a cell's bytes are.
func mostOf(cell [mapKinds]uint64) (most mapKind) {
	for kind, n := range cell {
		if n > cell[most] {
			most = mapKind(kind)
		}
	}
	return most
}
