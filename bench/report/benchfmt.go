package report

import (
	"fmt"
	"io"
	"strings"
)

// WriteBenchmarks writes all values in Go's benchmark format, for benchstat. Every round is a line, so
// that benchstat sees the spread.
func (r *Results) WriteBenchmarks(w io.Writer) {
	goos, goarch, _ := strings.Cut(r.Machine.System, "/")
	fmt.Fprintf(w, "goos: %s\ngoarch: %s\npkg: github.com/spanheap/spanheap/bench\ncpu: %s\ncommit: %s\n", goos, goarch, r.Machine.Processor, r.Commit)
	names := r.columns(func(string) bool { return true })
	for _, row := range r.Rows {
		for _, name := range names {
			for _, v := range row.Values[name].Values {
				fmt.Fprintf(w, "BenchmarkAlloc/impl=%s/%s 1 %.4f ns/op\n", name, row.Name(), v)
			}
		}
	}
	for _, row := range r.Retention {
		for _, name := range names {
			for i, v := range row.Later[name].Values {
				fmt.Fprintf(w, "BenchmarkRetention/impl=%s/%s 1 %.0f resident-B-at-once %.0f resident-B\n",
					name, strings.TrimPrefix(row.Name(), "retention/"), row.AtOnce[name].Values[i], v)
			}
		}
	}
	for _, row := range r.Release {
		for i, v := range row.P999.Values {
			fmt.Fprintf(w, "BenchmarkAllocBeside/impl=spanheap/beside=%s 1 %.0f p50-ns %.0f p99.9-ns\n",
				strings.ReplaceAll(row.Beside, " ", "-"), row.P50.Values[i], v)
		}
	}
	for _, t := range r.Traces {
		for _, name := range names {
			for _, v := range t.Time[name].Values {
				fmt.Fprintf(w, "BenchmarkTrace/impl=%s/trace=%s 1 %.4f ns/op\n", name, t.Name, v)
			}
		}
	}
}
