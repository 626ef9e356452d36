package report

import (
	"fmt"

	"github.com/spanheap/spanheap/bench/suite"
)

// What stays resident after frees, and what giving it back costs.

// stages are the moments of a retention row.
func stages(r suite.RetentionRow) []stage {
	all := "all freed"
	if r.Freed < 100 {
		all = fmt.Sprintf("%d %% freed", r.Freed)
	}
	return []stage{
		{all + ", at once", r.AtOnce},
		{fmt.Sprintf("%s, %g s later", all, r.Wait), r.Later},
	}
}

type stage struct {
	name     string
	resident map[string]suite.Spread // bytes
}

func (r *Results) inRetention(name string) bool {
	for _, row := range r.Retention {
		if _, has := row.Later[name]; has {
			return true
		}
	}
	return false
}

// retention is the table of what stays resident: MB and, where something lives, the multiple of it.
func (r *Results) retention() *table {
	names := r.columns(r.inRetention)
	t := &table{left: 1, head: append([]string{"MB (resident / live)"}, names...)}
	line := func(title string, live uint64, of map[string]suite.Spread) {
		cells := []string{title}
		for _, name := range names {
			v, has := of[name]
			switch {
			case !has:
				cells = append(cells, "")
			case live == 0:
				cells = append(cells, number(v.Median/1e6))
			default:
				cells = append(cells, fmt.Sprintf("%s (%.2f)", number(v.Median/1e6), v.Median/float64(live)))
			}
		}
		t.add(cells...)
	}
	for i, row := range r.Retention {
		if i == 0 {
			line(fmt.Sprintf("%d blocks, nothing freed", row.Blocks), 0, row.Full)
		}
		for _, s := range stages(row) {
			line(s.name, row.Live, s.resident)
		}
	}
	return t
}

// leastMegabytes is what the plot shows of what is less: its axis has no 0.
const leastMegabytes = 0.1

func (r *Results) retentionDots() (d dots) {
	for i, row := range r.Retention {
		shown := stages(row)
		if i == 0 {
			shown = append([]stage{{"nothing freed", row.Full}}, shown...)
		}
		for _, s := range shown {
			for _, name := range r.columns(r.inRetention) {
				if v, has := s.resident[name]; has {
					d.put(name, len(d.names), max(v.Median/1e6, leastMegabytes))
				}
			}
			d.names = append(d.names, s.name)
		}
	}
	return d
}

// releases is the table of Alloc's latencies.
func (r *Results) releases() *table {
	t := &table{left: 1, head: []string{"beside a goroutine that", "p50", "p99", "p99.9", "±", "slowest"}}
	for _, row := range r.Release {
		us := func(s suite.Spread) string { return number(s.Median/1e3) + " µs" }
		t.add(row.Beside, us(row.P50), us(row.P99), us(row.P999), spread(row.P999), us(row.Last))
	}
	return t
}

// targetWait is how many seconds the wait has that targets are about. In a shorter one an allocator that gives back by time
// has not begun.
const targetWait = 20

// retentionTargets are about the first row of each kind.
func retentionTargets(o *suite.Outcome) []Target {
	expected := suite.RetentionRows()
	targets := []Target{
		{Work: "75 % of mixed blocks freed, resident at once: spanheap / best native", Must: 1, Aim: 0.9},
		{Work: "75 % of mixed blocks freed, resident after the wait: spanheap / best native", Must: 1, Aim: 0.9},
		{Work: "all mixed blocks freed, MB resident after the wait", Must: 10, Aim: 5},
		{Work: "p99.9 of Alloc: beside the scavenger / without", Must: 1.1, Aim: 1},
		{Work: "scavenger under load, % of all CPUs' time", Must: 1, Aim: 0.5},
	}
	for i := range targets {
		targets[i].Expected = 1
	}
	for _, r := range o.Retention {
		switch r.Freed {
		case expected[0].Freed:
			targets[0].reach(overBest(suite.Spanheap)(suite.Row{Values: r.AtOnce}))
			if r.Wait >= targetWait {
				targets[1].reach(overBest(suite.Spanheap)(suite.Row{Values: r.Later}))
			}
		case expected[1].Freed:
			own, has := r.Later[suite.Spanheap]
			targets[2].reach(own.Median/1e6, has && r.Wait >= targetWait)
		}
	}
	if len(o.Release) == 3 {
		targets[3].reach(overRounds(o.Release[1].P999, o.Release[0].P999), true)
	}
	if o.Scavenger != nil {
		targets[4].reach(100*o.Scavenger.Median, true)
	}
	return targets
}

// overRounds returns the median of the rounds' ratios: the two halves of a round met the same machine.
func overRounds(a, b suite.Spread) float64 {
	ratios := make([]float64, len(a.Values))
	for i := range ratios {
		ratios[i] = a.Values[i] / b.Values[i]
	}
	return suite.NewSpread(ratios).Median
}
