package report

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/bench/suite"
)

func spreadOf(values ...float64) suite.Spread { return suite.NewSpread(values) }

func row(c suite.Cell, values map[string]suite.Spread) suite.Row {
	return suite.Row{Cell: c, Values: values}
}

// sample are results with something of everything.
func sample() *Results {
	var impls []suite.Impl
	for _, i := range suite.Impls() {
		impls = append(impls, *i)
	}
	natives := func(own, best float64) map[string]suite.Spread {
		return map[string]suite.Spread{
			suite.Spanheap: spreadOf(own, own+2, own-2), suite.Make: spreadOf(4 * own),
			suite.Glibc: spreadOf(2 * best), suite.Jemalloc: spreadOf(3 * best), suite.Tcmalloc: spreadOf(best), suite.Mimalloc: spreadOf(4 * best),
		}
	}
	outcome := suite.Outcome{
		Rounds: 3,
		Rows: []suite.Row{
			row(suite.Cell{Pattern: "pair", Size: 64, Procs: 1}, natives(12, 6)),
			row(suite.Cell{Pattern: "pair", Size: 64, Procs: 1, Zeroed: true}, natives(20, 10)),
			row(suite.Cell{Pattern: "mixed", Procs: 1}, natives(40, 20)),
			row(suite.Cell{Pattern: "mixed", Procs: 2}, natives(50, 40)),
		},
		Traces: []suite.TraceRow{{
			Name: "program", Events: longTrace, PeakLive: 1000,
			Time: natives(15, 10), Resident: natives(1200, 1000),
		}},
		Collector: []suite.CollectorReport{
			{Store: "go", Live: 10, Resident: 3e9, ResidentPeak: 4e9, Collection: 187e6, CPU: 294e6, Cycles: 3, CPUShare: 0.25, P50: 1e5, P99: 5e7, P999: 6e7, Last: 7e7},
			{Store: "spanheap", Live: 10, Resident: 1.3e9, Collection: 2e5, CPU: 2e5, Cycles: 90, CPUShare: 0.01, P50: 1e5, P99: 2e5, P999: 3e5, Last: 4e5},
		},
		Retention: []suite.RetentionRow{
			{Freed: 75, Blocks: 1000, Wait: 20, Live: 50e6, Full: natives(200e6, 200e6), AtOnce: natives(180e6, 100e6), Later: natives(60e6, 80e6)},
			{Freed: 100, Blocks: 1000, Wait: 20, Full: natives(200e6, 200e6), AtOnce: natives(150e6, 100e6), Later: natives(8e6, 100e6)},
		},
		Release: []suite.ReleaseRow{
			{Beside: suite.BesideFrees, P50: spreadOf(100, 110), P99: spreadOf(1000, 1000), P999: spreadOf(4000, 2000), Last: spreadOf(9e6, 9e6)},
			{Beside: suite.BesideScavenge, P50: spreadOf(100, 110), P99: spreadOf(1000, 1000), P999: spreadOf(5000, 2500), Last: spreadOf(9e6, 9e6)},
			{Beside: suite.BesideReleases, P50: spreadOf(100, 110), P99: spreadOf(1000, 1000), P999: spreadOf(5000, 2500), Last: spreadOf(9e6, 9e6)},
		},
		Notes: []string{"something is left out"},
	}
	return &Results{
		Schema: Schema, Date: time.Date(2026, 11, 22, 10, 0, 0, 0, time.UTC), Commit: "0123456789ab",
		Machine:  Machine{System: "linux/amd64", Processor: "one of many", Cores: 2, Go: "go1.26"},
		Settings: Settings{Plan: "full", Milliseconds: 100, Rounds: 3, Seconds: 60},
		Impls:    impls, Outcome: outcome, Targets: Targets(&outcome),
	}
}

func find(t *testing.T, targets []Target, prefix string) Target {
	for _, g := range targets {
		if strings.HasPrefix(g.Work, prefix) {
			return g
		}
	}
	require.FailNow(t, "no target is about "+prefix)
	return Target{}
}

func TestTargetsAreGeometricMeansOfRatios(t *testing.T) {
	targets := sample().Targets

	jemalloc := find(t, targets, "single goroutine, up to 4096 bytes: spanheap / jemalloc")
	require.InDelta(t, 2.0/3, *jemalloc.Reached, 1e-9)
	require.Equal(t, 2, jemalloc.Rows, "zeroed rows do not count")
	require.Greater(t, jemalloc.Expected, 20)
	require.Equal(t, "in part: PASS, and the aim", jemalloc.Verdict())

	best := find(t, targets, "single goroutine, up to 4096 bytes: spanheap / best native")
	require.InDelta(t, 2, *best.Reached, 1e-9)
	require.Equal(t, "in part: short by 11 %", best.Verdict())

	require.Equal(t, "in part: PASS", find(t, targets, "zeroed, 16 to 1024 bytes").Verdict())
	require.Equal(t, "short by 14 %", find(t, targets, "mixed: throughput").Verdict())
	require.InDelta(t, 1.6, *find(t, targets, "mixed: throughput").Reached, 1e-9)
	require.Equal(t, "not measured", find(t, targets, "pair of 32 KiB").Verdict())
	require.InDelta(t, 1.5, *find(t, targets, "trace program, ns per event").Reached, 1e-9)
	require.InDelta(t, 1.2, *find(t, targets, "trace program, resident over live: spanheap / best").Reached, 1e-9)
	require.InDelta(t, 0.6, *find(t, targets, "trace program, resident over live: spanheap / glibc").Reached, 1e-9)
}

func TestTargetsAreAboutWhatStaysResident(t *testing.T) {
	targets := sample().Targets
	require.InDelta(t, 1.8, *find(t, targets, "75 % of mixed blocks freed, resident at once").Reached, 1e-6)
	require.InDelta(t, 0.75, *find(t, targets, "75 % of mixed blocks freed, resident after the wait").Reached, 1e-6)
	require.InDelta(t, 8, *find(t, targets, "all mixed blocks freed, MB").Reached, 1e-6)
	require.InDelta(t, 1.25, *find(t, targets, "p99.9 of Alloc").Reached, 1e-9)
	require.Equal(t, "short by 14 %", find(t, targets, "p99.9 of Alloc").Verdict())
	require.Equal(t, "not measured", find(t, Targets(&suite.Outcome{}), "all mixed blocks freed, MB").Verdict())
}

func TestShortTracesAreNoTargets(t *testing.T) {
	o := sample().Outcome
	o.Traces[0].Events = longTrace - 1
	for _, g := range Targets(&o) {
		require.NotContains(t, g.Work, "trace")
	}
}

func TestTextHoldsRatiosMeansTargetsAndNotes(t *testing.T) {
	var out bytes.Buffer
	sample().WriteText(&out)
	text := squeezed(out.String())
	for _, want := range []string{
		"pattern size procs fill spanheap ns ± make glibc jemalloc tcmalloc mimalloc",
		"pair 64 1 uninit 12.0 8% 4.00 1.00 1.50 0.50 2.00",
		"mixed 8-8192 2 uninit 50.0 2% 4.00 1.60 2.40 0.80 3.20",
		"geometric mean ≤4096 1 uninit 4.00 1.00 1.50 0.50 2.00",
		"program resident / live 1.200 4.800 2.000 3.000 1.000 4.000",
		"on the Go heap 10 3.00 GB 4.00 GB 187 ms 294 ms 3 25.0 % 0.10 ms 50.0 ms 60.0 ms 70.0 ms",
		"1000 blocks, nothing freed 200 800 400 600 200 800",
		"75 % freed, at once 180 (3.60)",
		"all freed, 20 s later 8.00",
		"frees and Release 0.10 µs 1.00 µs 3.75 µs",
		"single goroutine, up to 4096 bytes: spanheap / best native of each row ≤ 1.80 ≤ 1.30 2.00 2 of",
		"note: something is left out",
	} {
		require.Contains(t, text, want)
	}
	require.NotContains(t, text, "sync.Pool", "what was not measured has no column")
}

// squeezed makes runs of spaces one.
func squeezed(text string) string {
	lines := strings.Split(text, "\n")
	for i, l := range lines {
		lines[i] = strings.Join(strings.Fields(l), " ")
	}
	return strings.Join(lines, "\n")
}

func TestColumnsStandUnderTheirHeads(t *testing.T) {
	table := &table{left: 1, head: []string{"name", "spanheap-local", "±"}}
	table.add("a", "1.00", "2%")
	table.add("longer", "100", "±±±")
	var out bytes.Buffer
	table.text(&out)
	require.Equal(t, ""+
		"        spanheap-\n"+
		"name        local    ±\n"+
		"a            1.00   2%\n"+
		"longer        100  ±±±\n", out.String())
	out.Reset()
	table.markdown(&out)
	require.Equal(t, ""+
		"| name | spanheap-local | ± |\n"+
		"| --- | ---: | ---: |\n"+
		"| a | 1.00 | 2% |\n"+
		"| longer | 100 | ±±± |\n", out.String())
}

func TestNumbersHaveThreeDigits(t *testing.T) {
	for v, want := range map[float64]string{0.123: "0.12", 1: "1.00", 9.994: "9.99", 12.34: "12.3", 123.4: "123"} {
		require.Equal(t, want, number(v))
	}
}

func TestJSONIsReadAsItWasWritten(t *testing.T) {
	r := sample()
	var out bytes.Buffer
	require.NoError(t, r.WriteJSON(&out))
	var again Results
	require.NoError(t, json.Unmarshal(out.Bytes(), &again))
	require.Equal(t, r.Rows, again.Rows)
	require.Equal(t, r.Traces, again.Traces)
	require.Equal(t, r.Collector, again.Collector)
	require.Equal(t, r.Retention, again.Retention)
	require.Equal(t, r.Release, again.Release)
	require.Equal(t, r.Targets, again.Targets)
	require.Equal(t, r.Machine, again.Machine)

	var fields map[string]any
	require.NoError(t, json.Unmarshal(out.Bytes(), &fields))
	require.Equal(t, map[string]any{
		"median": 12.0, "min": 10.0, "max": 14.0, "q1": 11.0, "q3": 13.0, "values": []any{12.0, 14.0, 10.0},
	}, fields["rows"].([]any)[0].(map[string]any)["ns_per_op"].(map[string]any)["spanheap"])
}

func TestBenchmarksAreNamedForBenchstat(t *testing.T) {
	var out bytes.Buffer
	sample().WriteBenchmarks(&out)
	text := out.String()
	require.True(t, strings.HasPrefix(text, "goos: linux\ngoarch: amd64\n"))
	require.Contains(t, text, "\nBenchmarkAlloc/impl=spanheap/pattern=pair/size=64/procs=1/fill=uninit 1 14.0000 ns/op\n")
	require.Equal(t, 3, strings.Count(text, "impl=spanheap/pattern=pair/size=64/procs=1/fill=uninit "), "a line for each round")
	require.Contains(t, text, "\nBenchmarkRetention/impl=spanheap/freed=75 1 180000000 resident-B-at-once 60000000 resident-B\n")
	require.Contains(t, text, "\nBenchmarkAllocBeside/impl=spanheap/beside=frees-and-Release 1 100 p50-ns 5000 p99.9-ns\n")
	require.Contains(t, text, "\nBenchmarkTrace/impl=tcmalloc/trace=program 1 10.0000 ns/op\n")
}

func TestTheDocumentShowsItsPlots(t *testing.T) {
	r, dir := sample(), t.TempDir()
	plots, err := r.WritePlots(dir)
	require.NoError(t, err)
	require.Len(t, plots, 8)
	var out bytes.Buffer
	r.WriteMarkdown(&out, plots)
	for _, p := range plots {
		require.Contains(t, out.String(), "]("+p.File+")")
		svg, err := os.ReadFile(filepath.Join(dir, p.File))
		require.NoError(t, err)
		require.Contains(t, string(svg), "<svg")
		require.Contains(t, string(svg), "one of many, 2 cores; commit 0123456789ab, 2026-11-22")
	}
	require.Contains(t, out.String(), "| commit | 0123456789ab |")
	require.Contains(t, out.String(), "2026-11-22")
	require.Contains(t, out.String(), "| 12.0 (11.0–13.0) |")
	require.Contains(t, out.String(), "- something is left out\n")
}

func TestPlotsOfOneValueAreDrawn(t *testing.T) {
	r := sample()
	for i := range r.Rows {
		same := r.Rows[i].Values[suite.Spanheap]
		r.Rows[i].Values = map[string]suite.Spread{suite.Spanheap: same, suite.Glibc: same}
	}
	plots, err := r.WritePlots(t.TempDir())
	require.NoError(t, err)
	require.NotEmpty(t, plots)
}

func TestPlotsWithoutDotsAreNotDrawn(t *testing.T) {
	plots, err := (&Results{}).WritePlots(t.TempDir())
	require.NoError(t, err)
	require.Empty(t, plots)
}

func TestTicksArePowersOfTwo(t *testing.T) {
	var labels []string
	for _, tick := range octaves(0.2, 5) {
		labels = append(labels, tick.Label)
	}
	require.Equal(t, []string{"1/4", "1/2", "1", "2", "4"}, labels)
	require.LessOrEqual(t, len(octaves(1e-6, 1e6)), 12)
}

// A table that is wider than a line goes on below, with its names again.
func TestAWideTableIsCut(t *testing.T) {
	wide := &table{left: 1, head: []string{"row"}, rows: [][]string{{"first"}, {"second"}}}
	for i := range 60 {
		wide.head = append(wide.head, fmt.Sprintf("column%d", i))
		for r := range wide.rows {
			wide.rows[r] = append(wide.rows[r], fmt.Sprintf("cell%d.%d", r, i))
		}
	}
	var b strings.Builder
	wide.text(&b)
	for _, line := range strings.Split(b.String(), "\n") {
		require.LessOrEqual(t, len(line), lineWidth)
	}
	parts := strings.Count(b.String(), "second")
	require.Greater(t, parts, 2)
	require.Equal(t, parts, strings.Count(b.String(), "first"))
	for r := range wide.rows {
		for i := range 60 {
			require.Equal(t, 1, strings.Count(b.String(), fmt.Sprintf("cell%d.%d  ", r, i))+strings.Count(b.String(), fmt.Sprintf("cell%d.%d\n", r, i)))
		}
	}
}

func TestTheProcessorsAreToldOf(t *testing.T) {
	r := sample()
	told := func() (where []string) {
		var table, page bytes.Buffer
		r.WriteText(&table)
		r.WriteMarkdown(&page, nil)
		return []string{table.String(), page.String()}
	}
	for _, text := range told() {
		require.NotContains(t, text, "the slowest took")
	}
	unlike, apart := spreadOf(1.01, 1.02, 1.8), spreadOf(48, 51, 212)
	r.Unlike, r.Apart = &unlike, &apart
	for _, text := range told() {
		require.Contains(t, text, "the slowest took 1.02 times as long as the fastest")
		require.Contains(t, text, "(median of 3 looks); a line of memory took 51 ns from there to another (quartiles 50 to 132)")
	}
	r.Apart = nil
	for _, text := range told() {
		require.NotContains(t, text, "a line of memory")
	}
}

func TestProcessorsOfOneNameAreToldApart(t *testing.T) {
	file := filepath.Join(t.TempDir(), "cpuinfo")
	for text, want := range map[string]string{
		"processor\t: 0\ncpu family\t: 26\nmodel\t\t: 2\nmodel name\t: AMD EPYC\n": "AMD EPYC (family 26, model 2)",
		"processor\t: 0\nmodel name\t: Cortex\n":                                   "Cortex",
		"processor\t: 0\n":                                                         "",
	} {
		require.NoError(t, os.WriteFile(file, []byte(text), 0o644))
		require.Equal(t, want, processor(file))
	}
	require.Empty(t, processor(file+"x"))
}

func TestSpanheapAloneIsNoPicture(t *testing.T) {
	r := sample()
	for _, row := range r.Rows {
		for name := range row.Values {
			if name != suite.Spanheap {
				delete(row.Values, name)
			}
		}
	}
	for _, p := range r.plots() {
		require.NotContains(t, p.Title, "goroutine")
	}
}
