package main

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"
	"unicode"

	"github.com/dustin/go-humanize"
)

// schema numbers the shape of the JSON objects; it changes when a key changes its meaning or goes.
const schema = 1

// jsonFlag is the text of the flag that asks for JSON.
const jsonFlag = "write JSON instead of text; its keys: memstat help json"

func writeJSON(w io.Writer, object any) error {
	text, err := json.MarshalIndent(object, "", "  ")
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// size returns n bytes in the unit that leaves the fewest digits, to three figures.
func size(n uint64) string {
	if n < humanize.KiByte {
		return fmt.Sprintf("%d B", n)
	}
	return humanize.IBytesN(n, 3)
}

// count returns n with a comma between thousands.
func count[T int | uint64](n T) string { return humanize.Comma(int64(n)) }

// orNothing is count, but for 0, which stands for no figure.
func orNothing(n uint64) string {
	if n == 0 {
		return ""
	}
	return count(n)
}

// percent returns part of whole, or a dash when there is no whole.
func percent(part, whole uint64) string {
	if whole == 0 {
		return "-"
	}
	return fmt.Sprintf("%.1f %%", 100*float64(part)/float64(whole))
}

// A table lays out rows of right-aligned cells, except the first, and a text behind the last.
type table struct {
	w     *tabwriter.Writer
	first int // width of the first column
}

func newTable(b *bytes.Buffer, firstWidth int) table {
	return table{tabwriter.NewWriter(b, 0, 0, 2, ' ', tabwriter.AlignRight), firstWidth}
}

func (t table) row(first string, cells ...string) {
	fmt.Fprintf(t.w, "%-*s\t%s\t\n", t.first, first, strings.Join(cells, "\t"))
}

// rowWith is a row with a text behind it.
func (t table) rowWith(text, first string, cells ...string) {
	fmt.Fprintf(t.w, "%-*s\t%s\t   %s\n", t.first, first, strings.Join(cells, "\t"), text)
}

func (t table) flush() { t.w.Flush() }

// plural returns the count with the word for one, or for any other.
func plural(n uint64, one, many string) string {
	if n == 1 {
		return "1 " + one
	}
	return count(n) + " " + many
}

// printable returns a name that somebody else has given without what would make a terminal do something.
func printable(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsPrint(r) {
			return r
		}
		return unicode.ReplacementChar
	}, name)
}
