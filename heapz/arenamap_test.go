package heapz

import (
	"strings"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// drawn maps arenas that are one stretch of one state each, and returns the figures.
func drawn(t *testing.T, arenas int) []figure {
	t.Helper()
	m, table := newArenaMap(uint64(arenas)), HeapArenas{}
	for i := range arenas {
		s := spanheap.Span{Addr: uintptr(i+1) * 2 * spanheap.ArenaBytes, Bytes: spanheap.ArenaBytes, State: spanheap.SpanState(i % 4)}
		if s.State == spanheap.SpanInUse {
			s.Slots = 1
		}
		table.add(s)
		m.add(s)
	}
	return m.figures(table.Arenas)
}

// However large a heap is, its map has so many figures at most, and these cover all of it.
func TestAMapIsDrawnToScale(t *testing.T) {
	most := 20_000 // more than a terabyte
	if spanheap.ArenaBytes < 64<<20 {
		most = 400 // of 32 bits of address space
	}
	for _, arenas := range []int{0, 1, 5, mapFigures, mapFigures + 1, most} {
		figures := drawn(t, arenas)
		require.LessOrEqual(t, len(figures), mapFigures)
		covered, path := 0, 0
		var sum ArenaUse
		for _, f := range figures {
			covered += f.Arenas
			require.LessOrEqual(t, f.Rows*mapColumns, mapCells)
			sum.Large += f.Large
			sum.Free += f.Free
			sum.Released += f.Released
			sum.Untouched += f.Untouched
			for _, p := range f.Paths {
				path += len(p.D)
			}
		}
		require.Equal(t, arenas, covered)
		require.EqualValues(t, uint64(arenas)*spanheap.ArenaBytes, sum.Large+sum.Free+sum.Released+sum.Untouched)
		require.Less(t, path, 1<<20, "bytes of drawing")
	}
}

func TestACellHasTheColourOfMostOfIt(t *testing.T) {
	m := newArenaMap(1)
	base, cell := uintptr(spanheap.ArenaBytes), m.cellBytes
	small := func(addr uintptr, bytes uint64, live int) spanheap.Span {
		return spanheap.Span{Addr: addr, Bytes: bytes, Size: 64, Slots: 100, Live: live}
	}
	m.add(small(base, cell, 10))
	m.add(small(base+uintptr(cell), 2*cell, 100))
	m.add(spanheap.Span{Addr: base + 3*uintptr(cell), Bytes: cell / 4, State: spanheap.SpanFree})
	m.add(spanheap.Span{Addr: base + 3*uintptr(cell) + uintptr(cell/4), Bytes: spanheap.ArenaBytes - 3*cell - cell/4, Slots: 1})
	f := m.figures([]ArenaUse{{Addr: base}})[0]
	paths := map[string]string{}
	for _, p := range f.Paths {
		paths[p.Kind] = p.D
	}
	require.Equal(t, "M0 0h1v1h-1z", paths["small1"])
	require.Equal(t, "M1 0h2v1h-2z", paths["small4"])
	require.True(t, strings.HasPrefix(paths["large"], "M3 0h125v1h-125zM0 1h128v1h-128z"), paths["large"])
	require.Len(t, paths, 3, "the free quarter of a cell is not seen")
}

func TestFiguresAsPeopleReadThem(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1 KiB", 1500: "1.46 KiB", 64 << 20: "64 MiB", 20<<20 + 1<<19: "20.5 MiB",
		1023 << 20: "1023 MiB", 1<<30 + 1: "1.00 GiB", 1 << 63: "8 EiB", 200<<30 + 1: "200 GiB",
	} {
		require.Equal(t, want, size(n))
	}
	require.Equal(t, "1,234,567", count(1_234_567))
	require.Equal(t, "123", count(123))
	require.Equal(t, "1 arena, 2 arenas", plural(1, "arena")+", "+plural(2, "arena"))
	require.Equal(t, "–", percent(1, 0))
	require.Equal(t, "33.3 %", percent(1, 3))
}
