package report

import (
	"fmt"
	"io"
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

// text writes the table for a terminal. Long heads are broken at hyphens.
func (t *table) text(w io.Writer) {
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
