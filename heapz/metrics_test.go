package heapz_test

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// series is a line of Prometheus's text format.
type series struct {
	name   string
	labels map[string]string
	value  uint64
}

// family is the lines of one metric.
type family struct {
	help, kind string
	series     []series
}

var (
	metricName = `[a-z][a-z0-9_]*`
	comment    = regexp.MustCompile(`^# (HELP|TYPE) (` + metricName + `) (.+)$`)
	sampleLine = regexp.MustCompile(`^(` + metricName + `)(?:\{(.*)\})? ([0-9]+)$`)
	label      = regexp.MustCompile(`^([a-z_]+)="((?:[^"\\\n]|\\["\\n])*)"(,|$)`)
)

// parseMetrics reads the text as strictly as Prometheus's own tools check it: HELP, TYPE and then the lines
// of each metric, together, none twice; counters end in _total and gauges do not; bytes say so.
func parseMetrics(text string) (map[string]family, error) {
	if !strings.HasSuffix(text, "\n") {
		return nil, fmt.Errorf("the last line does not end")
	}
	families := map[string]family{}
	var order, seen []string
	for line := range strings.Lines(text) {
		line = strings.TrimSuffix(line, "\n")
		if m := comment.FindStringSubmatch(line); m != nil {
			f, known := families[m[2]]
			switch {
			case m[1] == "HELP" && !known:
				f.help = m[3]
				order = append(order, m[2])
			case m[1] == "TYPE" && known && f.kind == "" && order[len(order)-1] == m[2]:
				f.kind = m[3]
			default:
				return nil, fmt.Errorf("out of order: %s", line)
			}
			families[m[2]] = f
			continue
		}
		m := sampleLine.FindStringSubmatch(line)
		if m == nil || len(order) == 0 || order[len(order)-1] != m[1] {
			return nil, fmt.Errorf("no line of a metric, or out of order: %s", line)
		}
		s := series{name: m[1], labels: map[string]string{}}
		for rest := m[2]; rest != ""; {
			l := label.FindStringSubmatch(rest)
			if l == nil {
				return nil, fmt.Errorf("no label: %s", rest)
			}
			s.labels[l[1]] = strings.NewReplacer(`\\`, `\`, `\n`, "\n", `\"`, `"`).Replace(l[2])
			rest = rest[len(l[0]):]
		}
		var err error
		if s.value, err = strconv.ParseUint(m[3], 10, 64); err != nil {
			return nil, err
		}
		if key := fmt.Sprint(s.name, s.labels); slices.Contains(seen, key) {
			return nil, fmt.Errorf("twice: %s", line)
		} else {
			seen = append(seen, key)
		}
		f := families[m[1]]
		if (f.kind == "counter") != strings.HasSuffix(m[1], "_total") || f.kind != "counter" && f.kind != "gauge" {
			return nil, fmt.Errorf("%s is a %q", m[1], f.kind)
		}
		f.series = append(f.series, s)
		families[m[1]] = f
	}
	return families, nil
}

func TestMetricsAreStatsOfEachHeap(t *testing.T) {
	odd := "a \"name\"\nwith \\ all"
	h, same, twin := newHeap(t, odd), newHeap(t, "twin"), newHeap(t, "twin")
	w := do(t, "GET", "metrics")
	require.Equal(t, "text/plain; version=0.0.4; charset=utf-8", w.Header().Get("Content-Type"))
	families, err := parseMetrics(w.Body.String())
	require.NoError(t, err)
	require.Len(t, families, len(spanheap.AllMetrics()))

	for _, h := range []*spanheap.Heap{h, same, twin} {
		s := h.Stats()
		for name, want := range map[string]uint64{
			"spanheap_memory_live_bytes": s.Live, "spanheap_memory_rounding_bytes": s.Rounding,
			"spanheap_memory_span_tail_bytes": s.SpanTail, "spanheap_memory_cached_slots_bytes": s.CachedSlots,
			"spanheap_memory_central_slots_bytes": s.CentralSlots, "spanheap_memory_free_pages_bytes": s.FreePages,
			"spanheap_memory_metadata_bytes": s.Metadata, "spanheap_memory_backed_bytes": s.Backed,
			"spanheap_memory_released_bytes": s.Released, "spanheap_memory_reserved_bytes": s.Reserved,
			"spanheap_memory_limit_bytes": 1 << 30, "spanheap_blocks_live": s.LiveBlocks,
			"spanheap_blocks_allocated_total": s.Mallocs, "spanheap_blocks_freed_total": s.Frees,
			"spanheap_spans_in_use": s.Spans, "spanheap_arenas_reserved": s.Arenas,
		} {
			labels := map[string]string{"heap": h.Name(), "id": strconv.Itoa(h.ID())}
			require.Contains(t, families[name].series, series{name, labels, want}, name)
			require.Len(t, families[name].series, 3)
		}
	}
	require.Equal(t, []series{{"spanheap_heaps_open", map[string]string{}, 3}}, families["spanheap_heaps_open"].series)
	require.Equal(t, "counter", families["spanheap_memory_committed_bytes_total"].kind)
	require.Equal(t, "Blocks allocated and not freed.", families["spanheap_blocks_live"].help)
}

// The parser would see what it is there to see.
func TestTheParserRefuses(t *testing.T) {
	good := "# HELP a_bytes Text.\n# TYPE a_bytes gauge\na_bytes{heap=\"x\"} 1\n"
	_, err := parseMetrics(good)
	require.NoError(t, err)
	for _, bad := range []string{
		good[:len(good)-1], good + "a_bytes{heap=\"x\"} 1\n", good + "b 1\n", good + "\n", good + "# TYPE a_bytes gauge\n",
		strings.Replace(good, "gauge", "counter", 1), strings.Replace(good, "gauge", "number", 1), strings.Replace(good, " 1", " -1", 1),
		strings.Replace(good, `"x"`, `"x`, 1), strings.Replace(good, "TYPE a", "TYPE b", 1), strings.Replace(good, `"x"`, `"\x"`, 1),
	} {
		_, err := parseMetrics(bad)
		require.Error(t, err, bad)
	}
}
