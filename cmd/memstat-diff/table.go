package main

import (
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"text/tabwriter"

	"github.com/dustin/go-humanize"
)

// columns are the sample types that the table shows, those of them that the profiles have.
var columns = []string{"inuse_space", "inuse_objects", "waste_space", "alloc_space"}

func writeTable(w io.Writer, o options, d *difference, sites []*site) error {
	fmt.Fprintf(w, "From %s to %s, ", filepath.Base(o.before), filepath.Base(o.after))
	if len(sites) == 0 {
		_, err := fmt.Fprintln(w, "nothing has changed.")
		return err
	}
	fmt.Fprintf(w, "by %s:\n\n", o.by)
	t := tabwriter.NewWriter(w, 0, 0, 2, ' ', tabwriter.AlignRight)
	var shown []int
	for _, c := range columns {
		for i, name := range d.types {
			if name == c {
				shown = append(shown, i)
				fmt.Fprintf(t, "%s\t", name)
			}
		}
	}
	fmt.Fprintln(t, "   call site")
	row := func(values []int64, text string) {
		for _, i := range shown {
			fmt.Fprintf(t, "%s\t", signed(values[i], d.units[i]))
		}
		fmt.Fprintf(t, "   %s\n", text)
	}
	rest := 0
	if o.rows > 0 && len(sites) > o.rows {
		rest = len(sites) - o.rows
	}
	for _, x := range sites[:len(sites)-rest] {
		row(x.values, frame{x.Function, x.File, x.Line}.String())
	}
	if rest > 0 {
		others := make([]int64, len(d.types))
		for _, x := range sites[len(sites)-rest:] {
			for i, v := range x.values {
				others[i] += v
			}
		}
		row(others, fmt.Sprintf("%d more", rest))
	}
	row(d.totals(), "all")
	return t.Flush()
}

// signed returns the difference with its sign, in the unit.
func signed(v int64, unit string) string {
	sign := ""
	switch {
	case v > 0:
		sign = "+"
	case v < 0:
		sign = "-"
	}
	if unit == "bytes" {
		return sign + humanize.IBytesN(uint64(magnitude(v)), 3)
	}
	return sign + humanize.Comma(magnitude(v))
}

func writeJSON(w io.Writer, o options, d *difference, sites []*site) error {
	type jsonSite struct {
		*site
		Values map[string]int64 `json:"values"`
	}
	named := func(values []int64) map[string]int64 {
		m := map[string]int64{}
		for i, v := range values {
			m[d.types[i]] = v
		}
		return m
	}
	out := struct {
		Schema int              `json:"schema"`
		Before string           `json:"before"`
		After  string           `json:"after"`
		By     string           `json:"by"`
		Total  map[string]int64 `json:"total"`
		Sites  []jsonSite       `json:"sites"`
	}{1, o.before, o.after, o.by, named(d.totals()), []jsonSite{}}
	for i, x := range sites {
		if o.rows > 0 && i == o.rows {
			break
		}
		out.Sites = append(out.Sites, jsonSite{x, named(x.values)})
	}
	text, err := json.MarshalIndent(out, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}
