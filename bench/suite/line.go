package suite

import (
	"fmt"
	"strconv"
	"strings"
)

// A line is what a worker, in Go or C, prints about its measurement: key=value, separated by spaces.
type line map[string]float64

// parseLine reads a worker's output. It is refused when it is not one line of numbers, or lacks a key.
func parseLine(output string, keys ...string) (line, error) {
	l := line{}
	text := strings.TrimSuffix(output, "\n")
	for _, field := range strings.Split(text, " ") {
		key, value, found := strings.Cut(field, "=")
		number, err := strconv.ParseFloat(value, 64)
		if !found || key == "" || err != nil {
			return nil, fmt.Errorf("the worker's output %q: %q is not key=number", output, field)
		}
		l[key] = number
	}
	for _, key := range keys {
		if _, found := l[key]; !found {
			return nil, fmt.Errorf("the worker's output %q lacks %s", output, key)
		}
	}
	return l, nil
}

// medians returns the median of each key of the first of at least one line.
func medians(lines []line) line {
	m := line{}
	for key := range lines[0] {
		var values []float64
		for _, l := range lines {
			values = append(values, l[key])
		}
		m[key] = NewSpread(values).Median
	}
	return m
}
