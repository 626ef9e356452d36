package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

// tolerance is what part of a peer's time spanheap may take before it counts as broken. As a rule the peers take twice as long
// and more: noise of a busy machine mostly stays below it, a system call on the fast path does not. Where two goroutines wait for one
// lock, which the one peer has, it takes four times as long at least: with a lock of its own spanheap would wait as well.
func tolerance(c suite.Cell, peer string) float64 {
	if c.Procs > 1 && peer == suite.Modernc {
		return 0.5
	}
	return 1
}

// A fault is a row in which spanheap is grossly broken, or was not measured beside a peer that was to be.
type fault struct {
	cell suite.Cell
	text string
}

// isPeer tells whether i is one that spanheap is held against.
func isPeer(i suite.Impl) bool { return i.Name == suite.Make || i.Name == suite.Modernc }

// guardedRows returns those of the rows that suite.GuardCells names, if there is a peer.
func guardedRows(r *report.Results) (rows []suite.Row) {
	if !slices.ContainsFunc(r.Impls, isPeer) {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(r.Rows), func(row suite.Row) bool { return !slices.Contains(suite.GuardCells(), row.Cell) })
}

// faults returns those of the rows that are guarded.
func faults(r *report.Results) (found []fault) {
	for _, row := range guardedRows(r) {
		for _, i := range r.Impls {
			if !isPeer(i) {
				continue
			}
			switch ratio, ok := ratioOf(row, i.Name); {
			case !ok:
				found = append(found, fault{row.Cell, fmt.Sprintf("%s: spanheap beside %s was not measured", row.Name(), i.Name)})
			case ratio > tolerance(row.Cell, i.Name):
				found = append(found, fault{row.Cell, fmt.Sprintf("%s: spanheap takes %.2f times as long as %s", row.Name(), ratio, i.Name)})
			}
		}
	}
	return found
}

// ratioOf is the ratio of spanheap's median to the peer's, or that of their fastest rounds, if it is smaller: other work on the
// machine makes some rounds slow, a lock makes all of them so.
func ratioOf(row suite.Row, peer string) (ratio float64, ok bool) {
	ratio, ok = row.Ratio(suite.Spanheap, peer)
	if fastest := row.Values[suite.Spanheap].Min / row.Values[peer].Min; ok && fastest < ratio {
		ratio = fastest
	}
	return ratio, ok
}

// guard returns an error when spanheap is grossly broken in some rows of r, and stays so when again measures them once more:
// a few rounds on a busy machine say anything.
func guard(r *report.Results, again func([]suite.Cell) (*report.Results, error)) error {
	found := faults(r)
	if len(found) > 0 {
		var cells []suite.Cell
		for _, f := range found {
			if !slices.Contains(cells, f.cell) {
				cells = append(cells, f.cell)
			}
		}
		var err error
		if r, err = again(cells); err != nil {
			return err
		}
		if found = faults(r); len(r.Rows) < len(cells) {
			return fmt.Errorf("of %d rows that looked broken only %d could be measured again", len(cells), len(r.Rows))
		}
	}
	if len(found) == 0 {
		return nil
	}
	texts := make([]string, len(found))
	for i, f := range found {
		texts[i] = f.text
	}
	return fmt.Errorf("grossly broken: %s", strings.Join(texts, "; "))
}

// roundsAgain is how often rows are measured that looked broken.
const roundsAgain = 15

// measureAgain measures cells of the suite, in more rounds, on spanheap and the peers of guard.
func measureAgain(ctx context.Context, s suite.Suite, p *progress, cells []suite.Cell) (*report.Results, error) {
	p.note(fmt.Sprintf("%d rows look broken, and are measured again", len(cells)))
	s.Cells, s.Traces, s.Live, s.Retain, s.Rounds, s.Limit = cells, nil, 0, 0, roundsAgain, 0
	s.Impls = slices.DeleteFunc(slices.Clone(s.Impls), func(i *suite.Impl) bool {
		return i.Name != suite.Spanheap && !isPeer(*i)
	})
	p.begin()
	outcome, err := s.Run(ctx)
	p.erase()
	if err != nil {
		return nil, err
	}
	r := &report.Results{Outcome: *outcome}
	for _, i := range s.Impls {
		r.Impls = append(r.Impls, *i)
	}
	return r, nil
}
