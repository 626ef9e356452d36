package main

import (
	"encoding/json"
	"fmt"
	"io"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

// A listing is what can be measured: allocators, and rows by their names.
type listing struct {
	Schema int          `json:"schema"`
	Impls  []listedImpl `json:"impls"`
	Rows   []string     `json:"rows"`
}

type listedImpl struct {
	Name  string `json:"name"`
	About string `json:"about"`
}

// listing returns what the options choose.
func (o *options) listing(traces []suite.TraceFile) *listing {
	l := &listing{Schema: report.Schema}
	for _, i := range o.impls() {
		l.Impls = append(l.Impls, listedImpl{i.Name, i.About})
	}
	add := func(row string) {
		if matches(o.run, row) {
			l.Rows = append(l.Rows, row)
		}
	}
	for _, c := range o.cells() {
		add(c.Name())
	}
	for _, t := range traces {
		add(t.RowName())
	}
	if o.live > 0 {
		add("collector")
	}
	if o.retain > 0 {
		for _, r := range suite.RetentionRows() {
			add(r.Name())
		}
		add("release")
	}
	return l
}

func (l *listing) write(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(l)
	}
	return to(out, func(out io.Writer) {
		for _, i := range l.Impls {
			fmt.Fprintf(out, "impl=%-20s %s\n", i.Name, i.About)
		}
		for _, r := range l.Rows {
			fmt.Fprintln(out, r)
		}
	})
}
