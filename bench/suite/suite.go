package suite

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"time"
)

// A Suite is what is to be run.
type Suite struct {
	Impls   []*Impl // built
	Cells   []Cell
	Traces  []TraceFile
	Scratch string         // a folder for files of this run
	Live    int            // objects for the collector's side; 0 for none
	Retain  int            // blocks of the retention rows; 0 for none
	Wait    time.Duration  // after the frees of a retention row
	Rounds  int            // how often every measurement is made
	Time    time.Duration  // of one measurement of a cell
	Limit   time.Duration  // after it no further round is begun; 0 for none
	Only    *regexp.Regexp // names of what is to be run; nil for all
	Pin     bool           // what has one goroutine to one processor, the fastest, where the system can
	Started time.Time
	Step    func(done, total int, what string) // told before every measurement

	processors *chooser // of the run
}

// A Row is a cell with what came of it, by the impls' names.
type Row struct {
	Cell
	Values map[string]Spread `json:"ns_per_op"`
}

// Outcome is what came of a suite.
type Outcome struct {
	Rows      []Row             `json:"rows"`
	Traces    []TraceRow        `json:"traces,omitempty"`
	Collector []CollectorReport `json:"collector,omitempty"`
	Retention []RetentionRow    `json:"retention,omitempty"`
	Release   []ReleaseRow      `json:"release,omitempty"`
	Scavenger *Spread           `json:"scavenger,omitempty"`  // its share of all CPUs' time, under load
	Unlike    *Spread           `json:"processors,omitempty"` // how many times as long as the fastest the slowest took; with Pin
	Apart     *Spread           `json:"handover,omitempty"`   // ns that a line of memory takes from the fastest to the last or the first; with Pin
	Rounds    int               `json:"rounds"`               // that were completed
	Notes     []string          `json:"notes,omitempty"`
}

// A task is one measurement, to be made in every round or once. It keeps its values.
type task struct {
	name   string
	do     func(ctx context.Context) error
	failed bool
}

// Run makes all measurements. A measurement that fails is noted and not made again; nothing else is
// kept from being measured by it. The error is the context's.
func (s *Suite) Run(ctx context.Context) (*Outcome, error) {
	out := &Outcome{}
	s.processors = newChooser()
	cells, fillRows := s.cellTasks()
	traces, once, fillTraces, err := s.traceTasks(ctx)
	if err != nil {
		return nil, err
	}
	releases, fillRelease := s.releaseTasks()
	tasks := slices.Concat(cells, traces, releases)
	collections, fillCollector := s.collectorTasks()
	retention, fillRetention := s.retentionTasks()
	once = slices.Concat(collections, retention, once)
	total := len(tasks)*s.Rounds + len(once)
	done := 0
	attempt := func(t *task) error {
		s.Step(done, total, t.name)
		done++
		if t.failed {
			return nil
		}
		err := t.do(ctx)
		if ctx.Err() != nil {
			return ctx.Err()
		}
		if err != nil {
			t.failed = true
			out.Notes = append(out.Notes, fmt.Sprintf("%s failed: %v", t.name, err))
		}
		return nil
	}
	for _, t := range once {
		if err := attempt(t); err != nil {
			return nil, err
		}
	}
	for began := time.Now(); out.Rounds < s.Rounds; out.Rounds++ {
		if out.Rounds > 0 && s.Limit > 0 && time.Since(s.Started)+time.Since(began)/time.Duration(out.Rounds) > s.Limit {
			out.Notes = append(out.Notes, fmt.Sprintf("%d of %d rounds: another one would not have ended within the limit of %v", out.Rounds, s.Rounds, s.Limit))
			break
		}
		s.processors.forget()
		for _, t := range tasks {
			if err := attempt(t); err != nil {
				return nil, err
			}
		}
	}
	fillRows(out)
	fillTraces(out)
	fillCollector(out)
	fillRetention(out)
	fillRelease(out)
	out.Unlike, out.Apart = spreadOf(s.processors.unlike), spreadOf(s.processors.apart)
	return out, nil
}

func (s *Suite) wants(name string) bool { return s.Only == nil || s.Only.MatchString(name) }

// cellTasks returns the measurements of a round, cell by cell, and what puts their values into rows.
func (s *Suite) cellTasks() (tasks []*task, fill func(*Outcome)) {
	var rows []Row
	values := map[string]map[string][]float64{} // by cell and impl
	for _, c := range s.Cells {
		if !s.wants(c.Name()) {
			continue
		}
		rows = append(rows, Row{Cell: c})
		of := map[string][]float64{}
		values[c.Name()] = of
		for _, i := range s.Impls {
			if !i.Runs(c) {
				continue
			}
			tasks = append(tasks, &task{
				name: "impl=" + i.Name + "/" + c.Name(),
				do: func(ctx context.Context) error {
					v, err := i.runCell(ctx, c, s.Time, s.processorFor(i, c.Name(), c.Procs))
					if err == nil {
						of[i.Name] = append(of[i.Name], v)
					}
					return err
				},
			})
		}
	}
	return tasks, func(out *Outcome) {
		for _, r := range rows {
			r.Values = spreads(values[r.Name()])
			if len(r.Values) > 0 {
				out.Rows = append(out.Rows, r)
			}
		}
	}
}

// spreads sums up values by impl.
func spreads(values map[string][]float64) map[string]Spread {
	sums := map[string]Spread{}
	for name, v := range values {
		sums[name] = NewSpread(v)
	}
	return sums
}

// Find returns the row of the cell.
func (o *Outcome) Find(c Cell) (Row, bool) {
	i := slices.IndexFunc(o.Rows, func(r Row) bool { return r.Cell == c })
	if i < 0 {
		return Row{}, false
	}
	return o.Rows[i], true
}

// Ratio returns the median of one impl over that of another. ok is false when either is missing.
func (r Row) Ratio(of, over string) (ratio float64, ok bool) {
	a, hasA := r.Values[of]
	b, hasB := r.Values[over]
	return a.Median / b.Median, hasA && hasB
}

// Best returns the median of the best of the impls in this row. ok is false when one is missing: the
// best of those that are there may not be the best.
func (r Row) Best(names []string) (best float64, ok bool) {
	for i, n := range names {
		v, has := r.Values[n]
		if !has {
			return 0, false
		}
		if i == 0 || v.Median < best {
			best = v.Median
		}
	}
	return best, len(names) > 0
}
