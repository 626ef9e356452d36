package main

import (
	"bytes"
	"math/rand/v2"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/smaps"
	"github.com/spanheap/spanheap/internal/statpage"
)

func viewWith(rss, anonymous, ours uint64) (v smaps.View) {
	v.Process.Resident, v.Process.Anonymous, v.Resident = rss, anonymous, ours
	return v
}

// Whatever the three say, who do not look at one moment, the table closes.
func TestTheReconciliationCloses(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	n := func() uint64 { return r.Uint64N(1000) }
	for range 10_000 {
		p := &statpage.Page{
			Process: statpage.Process{GoTotal: n(), GoReleased: n(), GoObjects: n(), Flags: r.Uint64N(4)},
			Heaps:   []statpage.Heap{{Live: n(), Rounding: n(), CentralSlots: n(), FreePages: n(), Metadata: n(), Reserved: n()}},
		}
		h := &p.Heaps[0]
		h.Backed = h.Live + h.Rounding + h.CentralSlots + h.FreePages + h.Metadata
		x := reconcile(p, viewWith(n(), n(), n()))
		require.Equal(t, x.RSS+x.NotResident, x.GoLive+x.GoOverhead+x.backed()+x.Files+x.Other, "%+v", p)
	}
}

func TestTheReconciliationSaysWhoseItIs(t *testing.T) {
	p := &statpage.Page{
		Process: statpage.Process{GoTotal: 100, GoReleased: 20, GoObjects: 50},
		Heaps:   []statpage.Heap{{Live: 1000, CentralSlots: 200, Backed: 1200}},
	}
	require.Equal(t, reconciliation{
		GoLive: 50, GoOverhead: 30, Live: 1000, FreeSlots: 200, Files: 40, Other: 25, NotResident: 100, RSS: 1245, ours: 1100,
	}, reconcile(p, viewWith(1245, 1205, 1100)))
}

func TestTheReconciliationOnPaperCloses(t *testing.T) {
	var b bytes.Buffer
	r := reconciliation{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 44, 33}
	r.write(&b, 0)
	sum := 0
	lines := regexp.MustCompile(`(?m)^ +([-+=]?) ([A-Za-z:' ]+?) +([\d,]+) +\S+ .?i?B `).FindAllStringSubmatch(b.String(), -1)
	require.Len(t, lines, 12)
	for _, line := range lines {
		n, err := strconv.Atoi(strings.ReplaceAll(line[3], ",", ""))
		require.NoError(t, err)
		switch line[1] {
		case "-":
			sum -= n
		case "=":
			require.Equal(t, sum, n)
		default:
			sum += n
		}
	}
	require.Contains(t, b.String(), "counted above, and never written")
	r.write(&b, 4096)
	require.Contains(t, b.String(), "swapped out: 4.00 KiB are")
}

func TestTheVerdictNamesWhatMattersMost(t *testing.T) {
	classes := []spanheap.ClassStats{{Name: "7", CentralSlots: 10}, {Name: "9", CachedSlots: 300}}
	for _, c := range []struct {
		r    reconciliation
		want string
	}{
		{reconciliation{}, "there is nothing."},
		{reconciliation{Live: 900, FreeSlots: 100, GoLive: 100}, "most of it is live data: 90.0 % of what spanheap has backed."},
		{reconciliation{Live: 600, FreeSlots: 310, Metadata: 90}, "most of it is live data: 60.0 % of what spanheap has backed; then fragmentation: 31.0 % of backed is free slots, most of them of class 9: 300 B."},
		{reconciliation{Live: 100, FreePages: 900}, "free pages, which go back by the rule of Options.Scavenge: 90.0 % of backed; 10.0 % is live."},
		{reconciliation{Live: 600, Rounding: 400}, "most of it is live data: 60.0 % of what spanheap has backed; then rounding: 40.0 % of backed is what slots are larger than their blocks."},
		{reconciliation{Live: 600, SpanTail: 400}, "most of it is live data: 60.0 % of what spanheap has backed; then span tails: 40.0 % of backed is ends of spans."},
		{reconciliation{Live: 600, Metadata: 400}, "most of it is live data: 60.0 % of what spanheap has backed; then records: 40.0 % of backed is metadata."},
		{reconciliation{Live: 100, GoLive: 1000, GoOverhead: 10, RSS: 1110, ours: 100}, "not spanheap, of which 100 B is resident: most of it is the Go heap's objects, 1000 B."},
		{reconciliation{Live: 100, GoLive: 10, GoOverhead: 1000, RSS: 1110, ours: 100}, "not spanheap, of which 100 B is resident: most of it is Go's overhead over its live heap, 1000 B."},
		{reconciliation{Live: 9000, GoLive: 1000, NotResident: 8900, RSS: 1100, ours: 100}, "not spanheap, of which 100 B is resident: most of it is the Go heap's objects, 1000 B."},
		{reconciliation{Live: 100, Other: 1000, RSS: 1100, ours: 100}, "not spanheap, of which 100 B is resident: most of it is memory that neither Go nor spanheap counts, 1000 B."},
		{reconciliation{Live: 100, Files: 1000, RSS: 1100, ours: 100}, "not spanheap, of which 100 B is resident: most of it is files, 1000 B."},
	} {
		require.Equal(t, c.want, c.r.verdict(classes))
	}
}
