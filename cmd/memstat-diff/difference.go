package main

import (
	"cmp"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/google/pprof/profile"
)

// difference is what has come, less what has gone, between two profiles of the same sample types.
type difference struct {
	types   []string // of samples, as alloc_objects
	units   []string // of each type, as bytes
	profile *profile.Profile
}

// site is a place in the code, with the differences of all samples that were taken there.
type site struct {
	Function string   `json:"function"`
	File     string   `json:"file"`
	Line     int64    `json:"line"`
	Stack    []string `json:"stack"` // of the largest of them, callers last
	values   []int64  // by type
	largest  int64
}

func readDifference(before, after string) (*difference, error) {
	a, err := readProfile(before)
	if err != nil {
		return nil, err
	}
	b, err := readProfile(after)
	if err != nil {
		return nil, err
	}
	d := &difference{}
	for _, t := range b.SampleType {
		d.types = append(d.types, t.Type)
		d.units = append(d.units, t.Unit)
	}
	if !slices.EqualFunc(a.SampleType, b.SampleType, func(x, y *profile.ValueType) bool { return x.Type == y.Type && x.Unit == y.Unit }) {
		return nil, fmt.Errorf("%s has other sample types than %s: %s, and %s", after, before, typesOf(b), typesOf(a))
	}
	a.Scale(-1)
	if d.profile, err = profile.Merge([]*profile.Profile{b, a}); err != nil {
		return nil, fmt.Errorf("%s, %s: %w", before, after, err)
	}
	return d, nil
}

func readProfile(name string) (*profile.Profile, error) {
	file, err := os.Open(name)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	p, err := profile.Parse(file)
	if err != nil {
		return nil, fmt.Errorf("%s is no profile: %w", name, err)
	}
	return p, nil
}

func typesOf(p *profile.Profile) string {
	var types []string
	for _, t := range p.SampleType {
		types = append(types, t.Type)
	}
	return strings.Join(types, ", ")
}

// totals returns the sums over all samples, by type.
func (d *difference) totals() []int64 {
	sums := make([]int64, len(d.types))
	for _, s := range d.profile.Sample {
		for i, v := range s.Value {
			sums[i] += v
		}
	}
	return sums
}

// sites returns the call sites with a difference in any type, the largest in one type first.
func (d *difference) sites(by int) []*site {
	byPlace := map[string]*site{}
	var all []*site
	for _, s := range d.profile.Sample {
		stack := frames(s)
		if len(stack) == 0 {
			stack = []frame{{function: "unknown"}}
		}
		key := stack[0].String()
		x := byPlace[key]
		if x == nil {
			x = &site{Function: stack[0].function, File: stack[0].file, Line: stack[0].line, values: make([]int64, len(d.types))}
			byPlace[key] = x
			all = append(all, x)
		}
		for i, v := range s.Value {
			x.values[i] += v
		}
		if v := magnitude(s.Value[by]); x.Stack == nil || v > x.largest {
			x.largest, x.Stack = v, nil
			for _, f := range stack {
				x.Stack = append(x.Stack, f.String())
			}
		}
	}
	all = slices.DeleteFunc(all, func(x *site) bool { return !slices.ContainsFunc(x.values, func(v int64) bool { return v != 0 }) })
	slices.SortStableFunc(all, func(x, y *site) int {
		return cmp.Or(cmp.Compare(magnitude(y.values[by]), magnitude(x.values[by])), cmp.Compare(x.Function, y.Function))
	})
	return all
}

func magnitude(v int64) int64 { return max(v, -v) }

type frame struct {
	function, file string
	line           int64
}

func (f frame) String() string {
	if f.file == "" {
		return f.function
	}
	return fmt.Sprintf("%s %s:%d", f.function, f.file, f.line)
}

// frames returns the sample's stack, who allocated first; inlined calls have frames of their own.
func frames(s *profile.Sample) (stack []frame) {
	for _, l := range s.Location {
		for _, line := range l.Line {
			if line.Function != nil {
				stack = append(stack, frame{line.Function.Name, filepath.Base(line.Function.Filename), line.Line})
			}
		}
	}
	return stack
}

// writeProfile writes the difference to a file, whole or not at all. A link stays one, and what is no regular file,
// as a pipe or a device, is written to and never replaced.
func (d *difference) writeProfile(name string) error {
	if real, err := filepath.EvalSymlinks(name); err == nil {
		name = real
	}
	if info, err := os.Stat(name); err == nil && !info.Mode().IsRegular() {
		return d.writeInto(name)
	}
	file, err := os.CreateTemp(filepath.Dir(name), filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(file.Name())
	defer file.Close()
	if err := d.profile.Write(file); err != nil {
		return err
	}
	if err := file.Chmod(0o644); err != nil {
		return err
	}
	if err := file.Close(); err != nil {
		return err
	}
	return os.Rename(file.Name(), name)
}

// writeInto writes the difference to what is there already.
func (d *difference) writeInto(name string) error {
	file, err := os.OpenFile(name, os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer file.Close()
	if err := d.profile.Write(file); err != nil {
		return err
	}
	return file.Close()
}
