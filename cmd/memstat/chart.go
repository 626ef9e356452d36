package main

import (
	"bytes"
	"fmt"
	"strings"
)

// The chart of a history for a terminal: a bar in every column, as high as what was resident, its lower
// part what was live. The play has the columns on the left, the time after the last free those behind
// the bar.
const (
	chartHeight   = 8
	playColumns   = 46
	settleColumns = 15
)

// A pencil has what a chart is drawn of.
type pencil struct {
	parts  []string // of a cell that is live up to a part of its height, rising; the last is a full one
	rest   string   // a cell that is resident and not live
	wall   string   // between columns
	floor  string
	foot   string // where a wall meets the floor
	corner string // where the first one does
}

var (
	unicodePencil = pencil{[]string{"▁", "▂", "▃", "▄", "▅", "▆", "▇", "█"}, "░", "│", "─", "┴", "└"}
	asciiPencil   = pencil{[]string{"_", "#"}, ":", "|", "-", "+", "+"}
)

func newPencil() pencil {
	if showsUnicode() {
		return unicodePencil
	}
	return asciiPencil
}

// writeChart draws the history; most is then the height of the chart.
func writeChart(b *bytes.Buffer, h history, p pencil) {
	most, last := h.most(), h.lastFree()
	if most == 0 {
		return
	}
	fmt.Fprintf(b, "Resident memory over the events of the trace, %s live, %s not, and the seconds after the last free\n\n",
		p.parts[len(p.parts)-1], p.rest)
	play := columns(h[:last], playColumns)
	settle := columns(h[last:], settleColumns)
	for row := chartHeight - 1; row >= 0; row-- {
		fmt.Fprintf(b, "%10s %s", p.mark(row, most), p.wall)
		for _, m := range play {
			b.WriteString(p.cell(m, row, most))
		}
		b.WriteString(p.wall)
		for _, m := range settle {
			b.WriteString(p.cell(m, row, most))
		}
		b.WriteByte('\n')
	}
	fmt.Fprintf(b, "%10s %s%s%s%s\n", "0 B", p.corner, strings.Repeat(p.floor, playColumns), p.foot, strings.Repeat(p.floor, settleColumns))
	events := count(h[last].Events) + " events"
	fmt.Fprintf(b, "%10s  %-*s%s", "", playColumns-len(events), "0", events)
	fmt.Fprintf(b, " 0%*s", settleColumns-1, fmt.Sprintf("%.3g s", h[len(h)-1].Seconds))
	b.WriteString("\n\n")
}

// columns returns n moments for those of the history, none of which is lost: each has the most of its
// moments. Where there are fewer, they are repeated.
func columns(h history, n int) history {
	merged := make(history, n)
	for i := range merged {
		from := i * len(h) / n
		for _, m := range h[from:max(from+1, (i+1)*len(h)/n)] {
			merged[i].Live = max(merged[i].Live, m.Live)
			merged[i].Resident = max(merged[i].Resident, m.Resident)
		}
	}
	return merged
}

// mark returns what stands before a row: the height of its upper edge in bytes, in every other row.
func (p pencil) mark(row int, most uint64) string {
	if row%2 == 0 {
		return ""
	}
	return size(most / chartHeight * uint64(row+1))
}

// cell returns the part of a bar that lies in a row. It shows one of live and not live: the larger.
func (p pencil) cell(m moment, row int, most uint64) string {
	heightOf := func(bytes uint64) float64 { return float64(bytes)*chartHeight/float64(most) - float64(row) }
	resident, live := heightOf(m.Resident), heightOf(min(m.Live, m.Resident))
	switch {
	case live >= 0.5 && resident > 1:
		return p.part(1)
	case live >= 0.5:
		return p.part(live)
	case resident >= 0.5:
		return p.rest
	case row == 0 && resident > 0:
		return p.part(max(live, 1/float64(len(p.parts)))) // what is little is not nothing
	}
	return p.part(max(live, 0))
}

// part returns a cell that is full up to a height of 0 to 1.
func (p pencil) part(height float64) string {
	step := int(min(height, 1)*float64(len(p.parts)) + 0.5)
	if step == 0 {
		return " "
	}
	return p.parts[step-1]
}
