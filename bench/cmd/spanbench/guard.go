package main

import (
	"fmt"
	"io"
	"strings"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

// tolerance is how much longer than a peer that is much slower as a rule spanheap may take before it
// counts as broken. Noise of a busy machine stays far below it; a lock or a system call on the fast
// path does not.
const tolerance = 3.0

// guard says about every row how spanheap compares with each peer. It returns an error when a row is
// grossly broken, or was not measured.
func guard(r *report.Results, out io.Writer) error {
	var broken []string
	for _, row := range r.Rows {
		peers := 0
		for _, i := range r.Impls {
			ratio, ok := row.Ratio(suite.Spanheap, i.Name)
			if !ok || i.Name == suite.Spanheap {
				continue
			}
			peers++
			verdict := "ok"
			if ratio > tolerance {
				verdict = "BROKEN"
				broken = append(broken, fmt.Sprintf("%s: spanheap takes %.1f times as long as %s", row.Name(), ratio, i.Name))
			}
			fmt.Fprintf(out, "%-60s spanheap / %-14s %5.2f  %s\n", row.Name(), i.Name, ratio, verdict)
		}
		if peers == 0 {
			broken = append(broken, row.Name()+": not measured")
		}
	}
	broken = append(broken, r.Notes...)
	if len(broken) > 0 {
		return fmt.Errorf("guard: %s", strings.Join(broken, "; "))
	}
	return nil
}
