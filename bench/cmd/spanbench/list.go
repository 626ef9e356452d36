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

func listingOf(impls []*suite.Impl, cells []suite.Cell) *listing {
	l := &listing{Schema: report.Schema}
	for _, i := range impls {
		l.Impls = append(l.Impls, listedImpl{i.Name, i.About})
	}
	for _, c := range cells {
		l.Rows = append(l.Rows, c.Name())
	}
	for _, r := range suite.RetentionRows() {
		l.Rows = append(l.Rows, r.Name())
	}
	l.Rows = append(l.Rows, "collector", "release")
	return l
}

func (l *listing) write(out io.Writer, asJSON bool) error {
	if asJSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		return e.Encode(l)
	}
	for _, i := range l.Impls {
		fmt.Fprintf(out, "impl=%-15s %s\n", i.Name, i.About)
	}
	for _, r := range l.Rows {
		fmt.Fprintln(out, r)
	}
	return nil
}
