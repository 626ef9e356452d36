package report

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"
)

// A table is text in columns. The first left columns are names and set to the left, the others are
// numbers and set to the right.
type table struct {
	left int
	head []string
	rows [][]string
}

func (t *table) add(cells ...string) { t.rows = append(t.rows, cells) }

// lineWidth is how many runes a line for a terminal has at most, if one column beside the left ones leaves so many.
const lineWidth = 160

// text writes the table for a terminal, in parts one below the other if it is too wide. Long heads are broken at hyphens.
func (t *table) text(w io.Writer) {
	for n, part := range t.parts() {
		if n > 0 {
			fmt.Fprintln(w)
		}
		part.lines(w)
	}
}

// parts returns tables of all rows, with the left columns in each, that are lineWidth wide at most.
func (t *table) parts() (parts []*table) {
	width := func(column int) (width int) {
		top, bottom := broken(t.head[column])
		for _, text := range []string{top, bottom} {
			width = max(width, utf8.RuneCountInString(text)+2)
		}
		for _, row := range t.rows {
			width = max(width, utf8.RuneCountInString(row[column])+2)
		}
		return width
	}
	names := 0
	for column := range t.left {
		names += width(column)
	}
	var part *table
	wide := 0
	for column := t.left; column < len(t.head); column++ {
		if wide += width(column); part == nil || wide > lineWidth {
			part = &table{left: t.left, head: slices.Clone(t.head[:t.left])}
			for _, row := range t.rows {
				part.add(slices.Clone(row[:t.left])...)
			}
			parts = append(parts, part)
			wide = names + width(column)
		}
		part.head = append(part.head, t.head[column])
		for i, row := range t.rows {
			part.rows[i] = append(part.rows[i], row[column])
		}
	}
	return parts
}

func (t *table) lines(w io.Writer) {
	top, bottom := make([]string, len(t.head)), make([]string, len(t.head))
	for i, h := range t.head {
		top[i], bottom[i] = broken(h)
	}
	lines := append([][]string{top, bottom}, t.rows...)
	width := make([]int, len(t.head))
	for _, line := range lines {
		for i, c := range line {
			width[i] = max(width[i], utf8.RuneCountInString(c))
		}
	}
	for _, line := range lines {
		var b strings.Builder
		for i, c := range line {
			gap := strings.Repeat(" ", width[i]-utf8.RuneCountInString(c))
			if i < t.left {
				b.WriteString(c + gap + "  ")
			} else {
				b.WriteString(gap + c + "  ")
			}
		}
		if text := strings.TrimRight(b.String(), " "); text != "" {
			fmt.Fprintln(w, text)
		}
	}
}

// broken breaks a long head in two lines at its first hyphen.
func broken(head string) (top, bottom string) {
	const long = 7
	before, after, found := strings.Cut(head, "-")
	if !found || len(head) <= long {
		return "", head
	}
	return before + "-", after
}

// markdown writes the table for a document.
func (t *table) markdown(w io.Writer) {
	fmt.Fprintf(w, "| %s |\n|", strings.Join(t.head, " | "))
	for i := range t.head {
		if i < t.left {
			fmt.Fprint(w, " --- |")
		} else {
			fmt.Fprint(w, " ---: |")
		}
	}
	fmt.Fprintln(w)
	for _, row := range t.rows {
		fmt.Fprintf(w, "| %s |\n", strings.Join(row, " | "))
	}
}

// number writes three digits that count.
func number(v float64) string {
	switch {
	case v >= 100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10:
		return fmt.Sprintf("%.1f", v)
	}
	return fmt.Sprintf("%.2f", v)
}
