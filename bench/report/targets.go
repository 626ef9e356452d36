package report

import (
	"fmt"
	"math"

	"github.com/spanheap/spanheap/bench/suite"
)

// A Target is one goal of the project: a ratio, or MB, what it must reach, what it aims at.
type Target struct {
	Work     string   `json:"work"`
	Must     float64  `json:"must"`
	Aim      float64  `json:"aim"`
	AtLeast  bool     `json:"at_least"`          // the ratio is to be as high as that, else as low
	Reached  *float64 `json:"reached,omitempty"` // nil when it was not measured
	Rows     int      `json:"rows"`              // that the ratio is the geometric mean of
	Expected int      `json:"expected"`          // rows that a full run has for it
}

// reaches tells whether the ratio was measured and reaches a bound.
func (t Target) reaches(bound float64) bool {
	return t.Reached != nil && (t.AtLeast && *t.Reached >= bound || !t.AtLeast && *t.Reached <= bound)
}

// reach fills in what was reached in one row. A quotient by 0 is nothing measured.
func (t *Target) reach(value float64, measured bool) {
	if measured && !math.IsNaN(value) && !math.IsInf(value, 0) {
		t.Reached, t.Rows = &value, 1
	}
}

// Verdict says in words what came of it: in part, if a full run has more rows.
func (t Target) Verdict() string {
	part := ""
	if t.Rows < t.Expected {
		part = "in part: "
	}
	switch {
	case t.Reached == nil:
		return "not measured"
	case t.reaches(t.Aim):
		return part + "PASS, and the aim"
	case t.reaches(t.Must):
		return part + "PASS"
	}
	return fmt.Sprintf("%sshort by %s %%", part, short(100*math.Abs(*t.Reached/t.Must-1)))
}

// short writes at least one digit that counts.
func short(percent float64) string {
	if percent < 1 {
		return fmt.Sprintf("%.1g", percent)
	}
	return fmt.Sprintf("%.0f", percent)
}

// A ratio is a quotient in one row; ok is false where a part of it was not measured.
type ratio func(suite.Row) (r float64, ok bool)

func of(a, b string) ratio {
	return func(r suite.Row) (float64, bool) { return r.Ratio(a, b) }
}

// overBest compares with the best native allocator of the row.
func overBest(impl string) ratio {
	return func(r suite.Row) (float64, bool) {
		best, ok := r.Best(suite.Natives)
		v, has := r.Values[impl]
		return v.Median / best, ok && has
	}
}

// filter chooses rows.
type filter func(suite.Cell) bool

func all(filters ...filter) filter {
	return func(c suite.Cell) bool {
		for _, f := range filters {
			if !f(c) {
				return false
			}
		}
		return true
	}
}

func procs(n int) filter         { return func(c suite.Cell) bool { return c.Procs == n } }
func small(c suite.Cell) bool    { return !c.Large() }
func plain(c suite.Cell) bool    { return !c.Zeroed }
func zeroed(c suite.Cell) bool   { return c.Zeroed }
func large(c suite.Cell) bool    { return c.Large() }
func upTo1024(c suite.Cell) bool { return c.Size >= 16 && c.Size <= 1024 }

func patterns(names ...string) filter {
	return func(c suite.Cell) bool {
		for _, n := range names {
			if c.Pattern == n {
				return true
			}
		}
		return false
	}
}

// goal is a Target before it is measured, for those that are geometric means over rows.
type goal struct {
	work      string
	must, aim float64
	atLeast   bool
	rows      filter
	ratio     ratio
}

var goals = []goal{
	{"single goroutine, up to 4096 bytes: spanheap / jemalloc", 1.1, 0.8, false,
		all(plain, small, procs(1)), of(suite.Spanheap, suite.Jemalloc)},
	{"single goroutine, up to 4096 bytes: spanheap / best native of each row", 1.8, 1.3, false,
		all(plain, small, procs(1)), overBest(suite.Spanheap)},
	{"the same through a Local handle / best native of each row", 1.25, 1.0, false,
		all(plain, small, procs(1)), overBest(suite.Local)},
	{"batches of 64 and more, AllocBatch and FreeBatch / best native's loop", 0.8, 0.5, false,
		all(plain, patterns("batch-64", "batch-1000", "batch-1000-random")), overBest(suite.Batch)},
	{"two goroutines (mixed, producer-consumer, swap): spanheap / best native", 1.5, 1.0, false,
		all(plain, procs(2), patterns("mixed", "producer-consumer", "swap")), overBest(suite.Spanheap)},
	{"every pattern up to 4096 bytes: cgo jemalloc / spanheap", 6, 10, true,
		all(plain, small), of(suite.CgoJemalloc, suite.Spanheap)},
	{"single goroutine: modernc behind a mutex / spanheap", 1.3, 2, true,
		all(plain, procs(1)), of(suite.Modernc, suite.Spanheap)},
	{"two goroutines: modernc behind a mutex / spanheap", 3, 6, true,
		all(plain, procs(2)), of(suite.Modernc, suite.Spanheap)},
	{"zeroed, 16 to 1024 bytes: Go's make / spanheap", 3, 6, true,
		all(zeroed, upTo1024), of(suite.Make, suite.Spanheap)},
	{"pair of 32 KiB: spanheap / best native", 2, 1, false,
		all(plain, large, procs(1), func(c suite.Cell) bool { return c.Size == 32<<10 }), overBest(suite.Spanheap)},
	{"pair of 256 KiB: spanheap / best native", 2, 1, false,
		all(plain, large, procs(1), func(c suite.Cell) bool { return c.Size == 256<<10 }), overBest(suite.Spanheap)},
}

// Targets measures the goals by what came of a run.
func Targets(o *suite.Outcome) []Target {
	var targets []Target
	for _, g := range goals {
		targets = append(targets, g.measure(o))
	}
	targets = append(targets, scaling(o))
	targets = append(targets, retentionTargets(o)...)
	for _, t := range o.Traces {
		if t.Events >= longTrace {
			targets = append(targets, traceTargets(t)...)
		}
	}
	return targets
}

func (g goal) measure(o *suite.Outcome) Target {
	t := Target{Work: g.work, Must: g.must, Aim: g.aim, AtLeast: g.atLeast}
	for _, c := range suite.FullCells() {
		if g.rows(c) {
			t.Expected++
		}
	}
	var ratios []float64
	for _, r := range o.Rows {
		if v, ok := g.ratio(r); ok && g.rows(r.Cell) {
			ratios = append(ratios, v)
		}
	}
	if t.Rows = len(ratios); t.Rows > 0 {
		mean := suite.GeoMean(ratios)
		t.Reached = &mean
	}
	return t
}

// longTrace is how many events a trace has that targets are about. In shorter ones the memory that an
// allocator has before its first block outweighs all others.
const longTrace = 1_000_000

// scaling is how much more two goroutines get done than one.
func scaling(o *suite.Outcome) Target {
	t := Target{Work: "mixed: throughput of 2 goroutines / of 1", Must: 1.85, Aim: 1.98, AtLeast: true, Expected: 1}
	single, hasSingle := o.Find(suite.Cell{Pattern: "mixed", Procs: 1})
	double, hasDouble := o.Find(suite.Cell{Pattern: "mixed", Procs: 2})
	a, b := single.Values[suite.Spanheap].Median, double.Values[suite.Spanheap].Median
	if hasSingle && hasDouble && a > 0 && b > 0 {
		t.reach(2*a/b, true)
	}
	return t
}

func traceTargets(t suite.TraceRow) []Target {
	targets := []Target{
		{Work: "trace " + t.Name + ", ns per event: spanheap / best native", Must: 1.5, Aim: 1.1},
		{Work: "trace " + t.Name + ", resident over live: spanheap / best of jemalloc, tcmalloc, mimalloc", Must: 1.0, Aim: 0.9},
		{Work: "trace " + t.Name + ", resident over live: spanheap / glibc", Must: 1.15, Aim: 1.0},
		{Work: "trace " + t.Name + ", ns per event: spanheap / without its heap profile", Must: 1.01, Aim: 1.0},
	}
	memory := suite.Row{Values: t.Resident}
	rivals := []string{suite.Jemalloc, suite.Tcmalloc, suite.Mimalloc}
	for i, c := range []struct {
		row    suite.Row
		rivals []string
	}{{t.Times(), suite.Natives}, {memory, rivals}, {memory, []string{suite.Glibc}}, {t.Times(), []string{suite.Unsampled}}} {
		best, ok := c.row.Best(c.rivals)
		own := c.row.Values[suite.Spanheap].Median
		targets[i].Expected = 1
		targets[i].reach(own/best, ok && best > 0 && own > 0)
	}
	return targets
}
