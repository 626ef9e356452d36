package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

// tolerance is what part of a peer's time spanheap may take before it counts as broken. As a rule the peers take twice as long
// and more: noise of a busy machine stays below it, a system call on the fast path does not. Where two goroutines wait for one
// lock, which the one peer has, it takes four times as long at least: with a lock of its own spanheap would wait as well.
func tolerance(c suite.Cell, peer string) float64 {
	if c.Procs > 1 && peer == suite.Modernc {
		return 0.5
	}
	return 1
}

// guard returns an error when spanheap is grossly broken in one of the rows that suite.GuardCells names, or was not
// measured there beside a peer that was to be.
func guard(r *report.Results) error {
	var broken []string
	for _, row := range r.Rows {
		if !slices.Contains(suite.GuardCells(), row.Cell) {
			continue
		}
		for _, i := range r.Impls {
			if i.Name != suite.Make && i.Name != suite.Modernc {
				continue
			}
			switch ratio, ok := row.Ratio(suite.Spanheap, i.Name); {
			case !ok:
				broken = append(broken, fmt.Sprintf("%s: spanheap beside %s was not measured", row.Name(), i.Name))
			case ratio > tolerance(row.Cell, i.Name):
				broken = append(broken, fmt.Sprintf("%s: spanheap takes %.2f times as long as %s", row.Name(), ratio, i.Name))
			}
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("grossly broken: %s", strings.Join(broken, "; "))
	}
	return nil
}
