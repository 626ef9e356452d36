package main

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

// tolerance is how much longer than a peer spanheap may take before it counts as broken. As a rule the peers take three times
// as long and more: noise of a busy machine stays below it; a lock for each call, which the one peer has too, or a system
// call on the fast path does not.
const tolerance = 1.0

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
			case ratio > tolerance:
				broken = append(broken, fmt.Sprintf("%s: spanheap takes %.2f times as long as %s", row.Name(), ratio, i.Name))
			}
		}
	}
	if len(broken) > 0 {
		return fmt.Errorf("grossly broken: %s", strings.Join(broken, "; "))
	}
	return nil
}
