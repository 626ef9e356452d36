// Package report writes what came of a run: a table of ratios, JSON, Markdown, Go's benchmark format,
// plots. All of it is made from one Results, so that no two of them can disagree.
package report

import (
	"encoding/json"
	"io"
	"time"

	"github.com/spanheap/spanheap/bench/suite"
)

// Schema is the version of the JSON's form. It grows when a field changes its meaning.
const Schema = 1

// Results are everything about one run.
type Results struct {
	Schema   int          `json:"schema"`
	Date     time.Time    `json:"date"`
	Commit   string       `json:"commit"` // of the library
	Machine  Machine      `json:"machine"`
	Settings Settings     `json:"settings"`
	Impls    []suite.Impl `json:"impls"`
	suite.Outcome
	Targets []Target `json:"targets"`
}

// Settings say how the run was made.
type Settings struct {
	Plan         string  `json:"plan"`         // full or short
	Milliseconds float64 `json:"milliseconds"` // of one measurement
	Rounds       int     `json:"rounds"`       // asked for
	Seconds      float64 `json:"seconds"`      // the whole run, with the building of workers
	Tags         string  `json:"tags,omitempty"`
}

// WriteJSON writes the results as JSON.
func (r *Results) WriteJSON(w io.Writer) error {
	e := json.NewEncoder(w)
	e.SetIndent("", "  ")
	return e.Encode(r)
}

// columns are the impls that have a value in a row, in the order of Impls.
func (r *Results) columns(has func(name string) bool) []string {
	var names []string
	for _, i := range r.Impls {
		if has(i.Name) {
			names = append(names, i.Name)
		}
	}
	return names
}

// inRows tells whether an impl was measured in any row.
func (r *Results) inRows(name string) bool {
	for _, row := range r.Rows {
		if _, has := row.Values[name]; has {
			return true
		}
	}
	return false
}

// inTraces tells whether an impl replayed any trace.
func (r *Results) inTraces(name string) bool {
	for _, t := range r.Traces {
		if _, has := t.Time[name]; has {
			return true
		}
	}
	return false
}
