package main

import (
	"bytes"
	"cmp"
	"encoding/json"
	"fmt"
	"io"
	"slices"
)

// A recording is what memstat record wrote, read again.
type recording struct {
	head   recordingHead
	points []point
}

func readRecording(s streams, name string) (r recording, err error) {
	file, err := open(s, name)
	if err != nil {
		return r, err
	}
	defer file.Close()
	text, err := io.ReadAll(file)
	if err != nil {
		return r, of(name, err)
	}
	lines := bytes.SplitAfter(text, []byte("\n"))
	for i, line := range lines {
		if !bytes.HasSuffix(line, []byte("\n")) {
			break // it was cut off in the midst of this one
		}
		if i == 0 {
			err = json.Unmarshal(line, &r.head)
			if err == nil && r.head.Schema != schema {
				err = fmt.Errorf("schema %d is not %d", r.head.Schema, schema)
			}
		} else {
			var p point
			err = json.Unmarshal(line, &p)
			r.points = append(r.points, p)
		}
		if err != nil {
			return r, of(name, fmt.Errorf("line %d is none of a recording: %w", i+1, err))
		}
	}
	if len(r.points) == 0 {
		return r, of(name, fmt.Errorf("there is no look in it"))
	}
	return r, nil
}

// A trend is how a figure went in the course of a recording.
type trend struct {
	Name      string  `json:"name"`
	First     uint64  `json:"first"`
	Last      uint64  `json:"last"`
	Most      uint64  `json:"most"`
	PerMinute float64 `json:"change_per_minute"`
	Climbs    bool    `json:"climbs"` // the least of its last third is a hundredth above the most of its first
}

// leastThird is how many looks a third of a recording has at least that can tell what climbs.
const leastThird = 3

// series returns the figure's value at each point.
func (r *recording) series(of func(*point) uint64) []uint64 {
	values := make([]uint64, len(r.points))
	for i := range r.points {
		values[i] = of(&r.points[i])
	}
	return values
}

func (r *recording) seconds() float64 { return r.points[len(r.points)-1].Seconds }

func (r *recording) trendOf(name string, values []uint64) trend {
	t := trend{Name: name, First: values[0], Last: values[len(values)-1], Most: slices.Max(values)}
	if minutes := r.seconds() / 60; minutes > 0 {
		t.PerMinute = (float64(t.Last) - float64(t.First)) / minutes
	}
	if third := len(values) / 3; third >= leastThird {
		before := slices.Max(values[:third])
		t.Climbs = slices.Min(values[len(values)-third:]) > before+before/100
	}
	return t
}

// trends returns those of the whole process, then those of the classes, the one that grew most first.
func (r *recording) trends() (whole, classes []trend) {
	for _, c := range curves {
		whole = append(whole, r.trendOf(c.name, r.series(c.of)))
	}
	for _, name := range r.classes() {
		classes = append(classes, r.trendOf(name, r.series(liveOf(name))))
	}
	slices.SortStableFunc(classes, func(a, b trend) int { return cmp.Compare(b.PerMinute, a.PerMinute) })
	return whole, classes
}

// classes returns the names of all classes of the recording, in the order of their appearance.
func (r *recording) classes() (names []string) {
	for _, p := range r.points {
		for _, c := range p.Classes {
			if !slices.Contains(names, c.Name) {
				names = append(names, c.Name)
			}
		}
	}
	return names
}

// liveOf returns the live bytes of a class.
func liveOf(name string) func(*point) uint64 {
	return func(p *point) uint64 {
		for _, c := range p.Classes {
			if c.Name == name {
				return c.Live
			}
		}
		return 0
	}
}

// A curve is a figure that is drawn.
type curve struct {
	name, color string
	of          func(*point) uint64
}

var curves = []curve{
	{"resident", residentColor, func(p *point) uint64 { return p.RSS }},
	{"backed", "#009e73", func(p *point) uint64 { return p.Backed }},
	{"live", liveColor, func(p *point) uint64 { return p.Live }},
	{"Go heap and overhead", "#cc79a7", func(p *point) uint64 { return p.GoLive + p.GoOverhead }},
}
