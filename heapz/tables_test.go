package heapz_test

import (
	"encoding/json"
	"expvar"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
	"github.com/stretchr/testify/require"
)

func TestTheOverviewsNumbersAreStats(t *testing.T) {
	h := newHeap(t, "overview")
	s := h.Stats()
	elements := parse(t, get(t, "?heap=overview"))
	sum := figures(t, elements, "sumsum")
	for name, want := range map[string]uint64{
		"live": s.Live, "rounding": s.Rounding, "span tails": s.SpanTail, "cached slots": s.CachedSlots,
		"central slots": s.CentralSlots, "free pages": s.FreePages, "metadata": s.Metadata, "= backed": s.Backed,
	} {
		require.Equal(t, []uint64{want, want}, sum[name], name) // exactly, and in short
	}
	require.Len(t, sum, 8)
	reserved := figures(t, elements, "reservedsum")
	for name, want := range map[string]uint64{
		"backed": s.Backed, "released": s.Released, "untouched": s.Untouched, "= reserved": s.Reserved,
	} {
		require.Equal(t, []uint64{want, want}, reserved[name], name)
	}
	require.Equal(t, map[string][]uint64{"overview": {s.Live, s.Backed, s.LiveBlocks, s.Released, 1 << 30}},
		figures(t, elements, "heaps"))
	require.Equal(t, heapz.Report{
		Heaps: []heapz.HeapReport{{ID: h.ID(), Name: "overview", Purpose: "tests", Limit: 1 << 30, Stats: s}},
		Total: s,
	}, getJSON[heapz.Report](t, "stats?heap=overview"))
}

func TestAllHeapsAreAddedUp(t *testing.T) {
	a, b := newHeap(t, "first"), newHeap(t, "second")
	r := getJSON[heapz.Report](t, "stats")
	require.Len(t, r.Heaps, 2)
	require.Equal(t, a.Stats().Plus(b.Stats()), r.Total)
	sum := figures(t, parse(t, get(t, "")), "sumsum")
	require.Equal(t, r.Total.Backed, sum["= backed"][0])
	require.Len(t, figures(t, parse(t, get(t, "")), "heaps"), 2)
}

func TestClassesAreStats(t *testing.T) {
	h := newHeap(t, "classes")
	want := h.Stats().Classes
	tables := getJSON[[]heapz.HeapClasses](t, "classes.json?heap=classes")
	require.Equal(t, []heapz.HeapClasses{{ID: h.ID(), Name: "classes", Classes: want}}, tables)
	require.Equal(t, tables, getJSON[[]heapz.HeapClasses](t, "classes?format=json"))
	rows := figures(t, parse(t, get(t, "classes?heap=classes")), "classes")
	require.Len(t, rows, len(want))
	for _, c := range want {
		figures := []uint64{c.Size, c.Live, c.Waste(), c.Spans, c.LiveSlots, c.Rounding, c.SpanTail, c.CachedSlots, c.CentralSlots}
		if c.Size == 0 {
			figures = figures[1:]
		}
		require.Equal(t, figures, rows[c.Name], c.Name)
	}
}

func TestSpansAgreeWithStats(t *testing.T) {
	h := newHeap(t, "spans")
	h.Release(64 << 10)
	s := h.Stats()
	tables := getJSON[[]heapz.HeapSpans](t, "spans.json?heap=spans")
	require.Len(t, tables, 1)
	require.Len(t, tables[0].Classes, len(s.Classes))
	rows := figures(t, parse(t, get(t, "spans?heap=spans")), "fill")
	require.Len(t, rows, len(s.Classes))
	byName := map[string]heapz.ClassFill{}
	for _, c := range tables[0].Classes {
		byName[c.Class] = c
	}
	hollow := uint64(0)
	for _, want := range s.Classes {
		c := byName[want.Name]
		require.Equal(t, want.Hollow, c.Hollow)
		hollow += c.Hollow
		require.Equal(t, []uint64{want.Spans, want.SpanBytes, want.Slots, want.LiveSlots, want.Size},
			[]uint64{c.Spans, c.Bytes, c.Slots, c.Live, c.Size}, want.Name)
		spans := uint64(0)
		for _, n := range c.Fill {
			spans += n
		}
		require.Equal(t, c.Spans, spans)
		require.Contains(t, rows[want.Name], c.Bytes)
	}
	require.Equal(t, "large", tables[0].Classes[len(tables[0].Classes)-1].Class)
	require.EqualValues(t, 2, byName["large"].Fill[9], "two large blocks live")

	sum := func(lengths []heapz.Stretches) (n uint64) {
		for _, x := range lengths {
			require.LessOrEqual(t, x.AtLeast*x.Count, x.Bytes)
			require.Less(t, x.Bytes, 2*x.AtLeast*x.Count)
			n += x.Bytes
		}
		return n
	}
	require.Equal(t, s.FreePages, sum(tables[0].Free))
	require.Equal(t, s.Released, sum(tables[0].Released)+hollow)
}

func TestArenasAgreeWithStats(t *testing.T) {
	h := newHeap(t, "arenas")
	for range 3 { // several arenas, and a block that reaches over two
		_, err := h.AllocUninit(spanheap.ArenaBytes / 4 * 3)
		require.NoError(t, err)
	}
	h.Release(64 << 10)
	s := h.Stats()
	tables := getJSON[[]heapz.HeapArenas](t, "arenas.json?heap=arenas")
	require.Len(t, tables, 1)
	require.Len(t, tables[0].Arenas, int(s.Arenas))
	var sum heapz.ArenaUse
	for _, a := range tables[0].Arenas {
		require.Equal(t, uint64(spanheap.ArenaBytes), a.Small+a.Large+a.Free+a.Released+a.Untouched)
		sum.Small += a.Small
		sum.Live += a.Live
		sum.Hollow += a.Hollow
		sum.Large += a.Large
		sum.Free += a.Free
		sum.Released += a.Released
	}
	var small, live, hollow, large uint64
	for _, c := range s.Classes {
		if c.Size == 0 {
			large = c.SpanBytes
		} else {
			small += c.SpanBytes
			live += c.LiveSlots * c.Size
			hollow += c.Hollow
		}
	}
	require.Equal(t, heapz.ArenaUse{Small: small, Live: live, Hollow: hollow, Large: large, Free: s.FreePages, Released: s.Released - hollow}, sum)

	maps := 0
	for _, e := range parse(t, get(t, "arenas?heap=arenas")) {
		if e.attrs["class"] == "map" {
			maps++
		}
	}
	require.EqualValues(t, s.Arenas, maps)
}

func TestReleaseIsAPostAlone(t *testing.T) {
	h := newHeap(t, "release")
	free := h.Stats().FreePages
	require.NotZero(t, free)
	w := do(t, "GET", "release")
	require.Equal(t, http.StatusMethodNotAllowed, w.Code)
	require.Equal(t, "POST", w.Header().Get("Allow"))
	for _, page := range []string{"", "classes", "heap", "stats", "metrics"} {
		require.Equal(t, http.StatusMethodNotAllowed, do(t, "POST", page).Code, page)
	}
	require.Equal(t, free, h.Stats().FreePages, "nothing else gives memory back")

	r := httptest.NewRequest("POST", heapz.Path+"release", nil)
	r.Header.Set("Sec-Fetch-Site", "cross-site")
	w = httptest.NewRecorder()
	heapz.Handler().ServeHTTP(w, r)
	require.Equal(t, http.StatusForbidden, w.Code, "a form on another site")
	require.Equal(t, http.StatusBadRequest, do(t, "POST", "release?bytes=-1").Code)
	require.Equal(t, http.StatusBadRequest, do(t, "POST", "release?heap=lost").Code)
	require.Equal(t, free, h.Stats().FreePages)

	w = do(t, "POST", "release?heap=release&format=json&bytes=65536")
	var released struct{ Released uint64 }
	require.NoError(t, json.Unmarshal(w.Body.Bytes(), &released))
	require.Equal(t, h.Stats().Released > 0, released.Released > 0)
	w = do(t, "POST", "release?heap=release")
	require.Equal(t, http.StatusOK, w.Code)
	require.Contains(t, w.Body.String(), "went back to the operating system")
	parse(t, w.Body.String())
}

// published counts the names that expvar has, for good.
var published atomic.Int64

func TestExpvarIsTheReport(t *testing.T) {
	h := newHeap(t, "published")
	name := fmt.Sprint("spanheap ", published.Add(1))
	heapz.PublishExpvar(name)
	var r heapz.Report
	require.NoError(t, json.Unmarshal([]byte(expvar.Get(name).String()), &r))
	require.Equal(t, getJSON[heapz.Report](t, "stats"), r)
	_, err := h.Alloc(5000)
	require.NoError(t, err)
	require.NoError(t, json.Unmarshal([]byte(expvar.Get(name).String()), &r))
	require.Equal(t, h.Stats().LiveBlocks, r.Total.LiveBlocks, "read anew")
	require.Panics(t, func() { heapz.PublishExpvar(name) })
}
