package spanheap_test

import (
	"regexp"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// readAll reads every metric there is, by name.
func readAll(read func([]spanheap.MetricSample)) map[string]spanheap.MetricValue {
	var samples []spanheap.MetricSample
	for _, m := range spanheap.AllMetrics() {
		samples = append(samples, spanheap.MetricSample{Name: m.Name})
	}
	read(samples)
	values := map[string]spanheap.MetricValue{}
	for _, s := range samples {
		values[s.Name] = s.Value
	}
	return values
}

func TestEveryDescriptionReads(t *testing.T) {
	h := newHeap(t)
	process, own := readAll(spanheap.ReadMetrics), readAll(h.ReadMetrics)
	require.Len(t, process, len(spanheap.AllMetrics()), "names are unique")
	for _, m := range spanheap.AllMetrics() {
		require.Regexp(t, regexp.MustCompile(`^/spanheap/[a-z]+/[a-z-]+:[a-z]+$`), m.Name)
		require.Regexp(t, `^[A-Z].*\.$`, m.Description, m.Name)
		require.Equal(t, m.Kind, process[m.Name].Kind(), m.Name)
		require.Equal(t, m.Process, own[m.Name].Kind() == spanheap.MetricBad, m.Name)
	}
	require.NoError(t, h.Close())
	for name, value := range readAll(h.ReadMetrics) {
		require.Equal(t, spanheap.MetricBad, value.Kind(), "%s of a closed heap", name)
	}
}

// statsMetrics are the metrics that Stats tell too.
func statsMetrics(s spanheap.Stats) map[string]uint64 {
	return map[string]uint64{
		"/spanheap/memory/live:bytes": s.Live, "/spanheap/memory/rounding:bytes": s.Rounding,
		"/spanheap/memory/span-tail:bytes": s.SpanTail, "/spanheap/memory/cached-slots:bytes": s.CachedSlots,
		"/spanheap/memory/central-slots:bytes": s.CentralSlots, "/spanheap/memory/free-pages:bytes": s.FreePages,
		"/spanheap/memory/metadata:bytes": s.Metadata, "/spanheap/memory/backed:bytes": s.Backed,
		"/spanheap/memory/released:bytes": s.Released, "/spanheap/memory/mapped:bytes": s.Mapped,
		"/spanheap/memory/untouched:bytes": s.Untouched, "/spanheap/memory/reserved:bytes": s.Reserved,
		"/spanheap/memory/huge-asked:bytes": s.HugeAsked,
		"/spanheap/blocks/live:blocks":      s.LiveBlocks, "/spanheap/blocks/allocated:blocks": s.Mallocs,
		"/spanheap/blocks/freed:blocks": s.Frees, "/spanheap/spans/in-use:spans": s.Spans,
		"/spanheap/arenas/reserved:arenas": s.Arenas,
	}
}

func TestMetricsAreStats(t *testing.T) {
	var heaps []*spanheap.Heap
	var before, after map[string]spanheap.MetricValue
	var sum spanheap.Stats
	for attempt := 1; ; attempt++ { // other heaps of the process may change meanwhile
		before = readAll(spanheap.ReadMetrics)
		heaps, sum = threeHeaps(t)
		after = readAll(spanheap.ReadMetrics)
		off := map[string][2]uint64{}
		for name, want := range statsMetrics(sum) {
			if got := after[name].Uint64() - before[name].Uint64(); got != want {
				off[name] = [2]uint64{got, want}
			}
		}
		if len(off) == 0 {
			break
		}
		require.Less(t, attempt, 20, "metrics are other than the Stats: %v", off)
		closeAll(t, heaps)
	}
	require.NoError(t, plausible(sum))
	require.Equal(t, sum, spanheap.Stats{}.Plus(sum))
	require.Less(t, len(sum.Classes), len(heaps[0].Stats().Classes)+10, "classes are added by name")
	require.EqualValues(t, 3, after["/spanheap/heaps/open:heaps"].Uint64()-before["/spanheap/heaps/open:heaps"].Uint64())
	require.EqualValues(t, spanheap.ProfileRate(), after["/spanheap/profile/rate:bytes"].Uint64())

	closeAll(t, heaps)
	closed := readAll(spanheap.ReadMetrics)
	for _, m := range spanheap.AllMetrics() {
		if m.Cumulative {
			require.GreaterOrEqual(t, closed[m.Name].Uint64(), after[m.Name].Uint64(), m.Name)
		}
	}
	require.Equal(t, before["/spanheap/blocks/live:blocks"], closed["/spanheap/blocks/live:blocks"])
}

// threeHeaps returns heaps whose own metrics are their Stats, and the sum of these.
func threeHeaps(t *testing.T) (heaps []*spanheap.Heap, sum spanheap.Stats) {
	for i := range 3 {
		h, err := spanheap.NewHeap(spanheap.Options{Limit: 1 << 30, Scavenge: spanheap.Never()})
		require.NoError(t, err)
		heaps = append(heaps, h)
		for n := range 200 {
			if b := alloc(t, h, 50*(n+i)+1); n%3 == 0 {
				h.Free(b)
			}
		}
		h.Release(1 << 20)
		own := readAll(h.ReadMetrics)
		for name, want := range statsMetrics(h.Stats()) {
			require.Equal(t, want, own[name].Uint64(), name)
		}
		require.EqualValues(t, 1<<30, own["/spanheap/memory/limit:bytes"].Uint64())
		sum = sum.Plus(h.Stats())
	}
	return heaps, sum
}

func closeAll(t *testing.T, heaps []*spanheap.Heap) {
	for _, h := range heaps {
		require.NoError(t, h.Close())
	}
}

func TestAValueOfAnotherKindPanics(t *testing.T) {
	s := []spanheap.MetricSample{{Name: "/spanheap/memory/lost:bytes"}}
	spanheap.ReadMetrics(s)
	require.Equal(t, spanheap.MetricBad, s[0].Value.Kind())
	require.PanicsWithValue(t, "spanheap: Uint64 of a metric's value of kind 0", func() { s[0].Value.Uint64() })
}
