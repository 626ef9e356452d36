package report

import (
	"fmt"
	"io"

	"github.com/spanheap/spanheap/bench/suite"
)

// ratios is the table of all rows: what each impl takes, spanheap taking 1.00.
func (r *Results) ratios() *table {
	others := r.columns(func(name string) bool { return name != suite.Spanheap && r.inRows(name) })
	t := &table{left: 4, head: append([]string{"pattern", "size", "procs", "fill", "spanheap ns", "±"}, others...)}
	for _, row := range r.Rows {
		own, has := row.Values[suite.Spanheap]
		cells := []string{row.Pattern, row.SizeText(), fmt.Sprint(row.Procs), row.Fill()}
		if has {
			cells = append(cells, number(own.Median), spread(own))
		} else {
			cells = append(cells, "", "")
		}
		for _, name := range others {
			ratio, ok := row.Ratio(name, suite.Spanheap)
			cells = append(cells, optional(ratio, ok))
		}
		t.add(cells...)
	}
	r.addMeans(t, "geometric mean", 1, others)
	r.addMeans(t, "geometric mean", 2, others)
	return t
}

// addMeans adds the row of geometric means over the uninitialized rows of up to 4096 bytes, if there are several.
func (r *Results) addMeans(t *table, title string, goroutines int, others []string) {
	rows := 0
	cells := []string{title, "≤4096", fmt.Sprint(goroutines), "uninit", "", ""}
	for _, name := range others {
		var ratios []float64
		for _, row := range r.Rows {
			v, ok := row.Ratio(name, suite.Spanheap)
			if ok && plain(row.Cell) && small(row.Cell) && row.Procs == goroutines {
				ratios = append(ratios, v)
			}
		}
		rows = max(rows, len(ratios))
		cells = append(cells, optional(suite.GeoMean(ratios), len(ratios) > 0))
	}
	if rows > 1 {
		t.add(cells...)
	}
}

// times is the table of all rows in ns, with the quartiles.
func (r *Results) times() *table {
	names := r.columns(r.inRows)
	t := &table{left: 4, head: append([]string{"pattern", "size", "procs", "fill"}, names...)}
	for _, row := range r.Rows {
		cells := []string{row.Pattern, row.SizeText(), fmt.Sprint(row.Procs), row.Fill()}
		for _, name := range names {
			v, has := row.Values[name]
			if !has {
				cells = append(cells, "")
				continue
			}
			cells = append(cells, fmt.Sprintf("%s (%s–%s)", number(v.Median), number(v.Q1), number(v.Q3)))
		}
		t.add(cells...)
	}
	return t
}

// traces is the table of traces: ns per event, and resident over live bytes.
func (r *Results) traces() *table {
	names := r.columns(r.inTraces)
	t := &table{left: 2, head: append([]string{"trace", ""}, names...)}
	for _, row := range r.Traces {
		time, memory := []string{row.Name, "ns per event"}, []string{row.Name, "resident / live"}
		for _, name := range names {
			v, has := row.Time[name]
			time = append(time, optional(v.Median, has))
			ratio, ok := row.OverLive(name)
			if ok {
				memory = append(memory, fmt.Sprintf("%.3f", ratio))
			} else {
				memory = append(memory, "")
			}
		}
		t.add(time...)
		t.add(memory...)
	}
	return t
}

// collectors is the table of the collector's side.
func (r *Results) collectors() *table {
	t := &table{left: 1, head: []string{"objects", "live", "resident", "at most", "one collection", "its CPU",
		"collections", "CPU share", "request p50", "p99", "p99.9", "slowest"}}
	for _, c := range r.Collector {
		where := "on the Go heap"
		if c.Store == suite.Spanheap {
			where = "in spanheap"
		}
		t.add(where, fmt.Sprint(c.Live), gigabytes(c.Resident), gigabytes(c.ResidentPeak),
			milliseconds(c.Collection), milliseconds(c.CPU), fmt.Sprint(c.Cycles),
			fmt.Sprintf("%.1f %%", 100*c.CPUShare),
			milliseconds(c.P50), milliseconds(c.P99), milliseconds(c.P999), milliseconds(c.Last))
	}
	return t
}

// targets is the table of the project's goals, or of those that were measured.
func (r *Results) targets(measured bool) *table {
	t := &table{left: 1, head: []string{"work", "must", "aim", "reached", "rows", "verdict"}}
	for _, g := range r.Targets {
		if measured && g.Reached == nil {
			continue
		}
		sign := "≤"
		if g.AtLeast {
			sign = "≥"
		}
		reached := ""
		if g.Reached != nil {
			reached = number(*g.Reached)
		}
		t.add(g.Work, sign+" "+number(g.Must), sign+" "+number(g.Aim), reached,
			fmt.Sprintf("%d of %d", g.Rows, g.Expected), g.Verdict())
	}
	return t
}

// spread is empty where there was one round.
func spread(s suite.Spread) string {
	if len(s.Values) < 2 {
		return ""
	}
	return fmt.Sprintf("%.0f%%", 100*s.Relative())
}

func optional(v float64, ok bool) string {
	if !ok {
		return ""
	}
	return number(v)
}

func milliseconds(ns float64) string { return number(ns/1e6) + " ms" }

func gigabytes(bytes float64) string { return fmt.Sprintf("%.2f GB", bytes/1e9) }

// WriteText writes the tables for a terminal.
func (r *Results) WriteText(w io.Writer) {
	if len(r.Rows) > 0 {
		fmt.Fprintln(w, "Time of one operation, spanheap = 1.00; above it the other takes longer. ± is half the distance of the quartiles.")
		fmt.Fprintln(w)
		r.ratios().text(w)
		fmt.Fprintln(w)
	}
	if len(r.Traces) > 0 {
		fmt.Fprintln(w, "Traces of real programs")
		fmt.Fprintln(w)
		r.traces().text(w)
		fmt.Fprintln(w)
	}
	if len(r.Collector) > 0 {
		fmt.Fprintln(w, "Go's collector beside live objects of 64 bytes")
		fmt.Fprintln(w)
		r.collectors().text(w)
		fmt.Fprintln(w)
	}
	if len(r.Retention) > 0 {
		fmt.Fprintln(w, "What stays resident of blocks of mixed sizes, in MB; the allocators are not called during the wait.")
		fmt.Fprintln(w)
		r.retention().text(w)
		fmt.Fprintln(w)
	}
	if len(r.Release) > 0 {
		fmt.Fprintln(w, "How long one Alloc of mixed sizes takes")
		fmt.Fprintln(w)
		r.releases().text(w)
		fmt.Fprintln(w)
	}
	if t := r.targets(true); len(t.rows) > 0 {
		fmt.Fprintln(w, "Targets")
		fmt.Fprintln(w)
		t.text(w)
		fmt.Fprintln(w)
	}
	if text := r.likeness(); text != "" {
		fmt.Fprintln(w, "processors:", text)
	}
	for _, n := range r.Notes {
		fmt.Fprintln(w, "note:", n)
	}
}
