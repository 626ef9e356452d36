package heapz_test

import (
	"bytes"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/heapz"
)

func TestTheReportIsAllPagesInOne(t *testing.T) {
	defer spanheap.SetProfileRate(spanheap.SetProfileRate(1))
	h := newHeap(t, "reported")
	s := h.Stats()
	page := get(t, "report?heap=reported")
	elements := parse(t, page)
	sum := figures(t, elements, "sumsum")
	require.Equal(t, []uint64{s.Live, s.Live}, sum["live"])
	require.Equal(t, []uint64{s.Backed, s.Backed}, sum["= backed"][:2])
	require.Len(t, figures(t, elements, "heaps"), 1)
	require.Len(t, figures(t, elements, "classes"), len(s.Classes))

	// All blocks were sampled, at one place.
	sites := figures(t, elements, "sites")
	require.Len(t, sites, 1)
	for name, got := range sites {
		require.Contains(t, name, "newHeap")
		require.Len(t, got, 6, "by bytes, and by waste")
		require.Equal(t, got[:3], got[3:])
		require.Equal(t, s.Live, got[0])
		require.Equal(t, s.Rounding, got[1])
		require.Equal(t, s.LiveBlocks, got[2])
	}
	require.Contains(t, page, `class="map"`)
	require.NotContains(t, page, "<script")
	require.NotContains(t, page, "href=", "nothing leads away from a page that is kept")

	r := getJSON[struct {
		heapz.Report
		Arenas []heapz.HeapArenas  `json:"arenas"`
		Sites  []spanheap.CallSite `json:"sites"`
	}](t, "report.json?heap=reported")
	require.Equal(t, s, r.Total)
	require.Len(t, r.Arenas, 1)
	require.EqualValues(t, s.Live, r.Sites[0].InUseBytes)
}

// What a process tells from outside has no map and no call sites, and says so.
func TestAReportOfFiguresAlone(t *testing.T) {
	h := newHeap(t, "far")
	s := h.Stats()
	r := heapz.Report{Heaps: []heapz.HeapReport{{Name: "far", Stats: s}}, Total: s}
	var page bytes.Buffer
	require.NoError(t, r.WriteHTML(&page, heapz.About{
		Program: "service", PID: 7, Time: time.Unix(1e9, 0).UTC(), Verdict: "Most of it is <live>.",
		Resident: []heapz.Resident{{Name: "spanheap", Bytes: 3 << 20}, {Name: "not resident", Bytes: -1 << 20}},
	}))
	elements := parse(t, page.String())
	require.Equal(t, []uint64{s.Backed, s.Backed}, figures(t, elements, "sumsum")["= backed"][:2])
	for _, text := range []string{"service, process 7, <time", "Most of it is &lt;live&gt;.", "−1 MiB", "2 MiB", "memstat html http://HOST:PORT"} {
		require.Contains(t, page.String(), text)
	}
	require.NotContains(t, page.String(), `class="map"`)
}
