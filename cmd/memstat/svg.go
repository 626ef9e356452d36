package main

import (
	"bytes"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"strings"

	"github.com/dustin/go-humanize"
)

// The chart of a history as a picture: the play over the events of the trace on the left, the seconds
// after the last free on the right, both under one scale of bytes.

// Where things are, in the picture's own units. The right part is there only if the history has one.
const (
	svgWidth, svgHeight   = 860, 420
	svgLeft, svgRight     = 90, 830
	svgTop, svgBottom     = 84, 364
	svgPlayEnd, svgSettle = 560, 590
)

const (
	residentColor = "#0072b2" // both told apart by most eyes (Okabe and Ito)
	liveColor     = "#d55e00"
)

func (r replay) writeSVG(file string) error {
	return os.WriteFile(file, r.svg(), 0o666)
}

// svg returns the picture, which refers to nothing outside itself.
func (r replay) svg() []byte {
	var b bytes.Buffer
	h := r.History
	resident := "resident, above the level before the first event"
	if r.ResidentFromStats {
		resident = "backed"
	}
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" font-family="sans-serif" font-size="13" fill="#222">`+"\n",
		svgWidth, svgHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", svgWidth, svgHeight)
	text(&b, svgLeft, 28, `font-size="17"`, fmt.Sprintf("%s on spanheap, %s", filepath.Base(title(r.File)), threads(r.Threads)))
	legend(&b, svgLeft, residentColor, resident)
	legend(&b, svgLeft+350, liveColor, "live, as asked for")

	bytesAxis := axis{0, float64(max(h.most(), 1)) * 1.04, svgBottom, svgTop}
	right, last := svgRight, h.lastFree()
	after := h[len(h)-1].Seconds
	if after > 0 {
		right = svgPlayEnd
	}
	unit, unitName := bytesUnit(bytesAxis.to)
	for _, v := range bytesAxis.ticks(6, unit) {
		y := bytesAxis.at(v)
		line(&b, svgLeft, y, float64(right), y, "#ddd")
		if after > 0 {
			line(&b, svgSettle, y, svgRight, y, "#ddd")
		}
		text(&b, svgLeft-8, y+4, `text-anchor="end"`, humanize.Ftoa(v/unit)+unitName)
	}

	events := axis{0, float64(max(h[last].Events, 1)), svgLeft, float64(right)}
	panel(&b, events, bytesAxis, h[:last], func(m moment) float64 { return float64(m.Events) })
	for _, v := range events.ticks(5, 1) {
		tick(&b, events.at(v), humanize.Comma(int64(math.Round(v))))
	}
	text(&b, (svgLeft+float64(right))/2, svgBottom+42, `text-anchor="middle"`, "events of the trace")
	if after > 0 {
		seconds := axis{0, after, svgSettle, svgRight}
		panel(&b, seconds, bytesAxis, h[last:], func(m moment) float64 { return m.Seconds })
		for _, v := range seconds.ticks(4, 1) {
			tick(&b, seconds.at(v), humanize.Ftoa(v))
		}
		text(&b, (svgSettle+svgRight)/2, svgBottom+42, `text-anchor="middle"`, "seconds after the last free")
	}
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// panel draws the moments' two curves, the resident one above what it encloses, and the floor.
func panel(b *bytes.Buffer, x, y axis, h history, of func(moment) float64) {
	var resident, live strings.Builder
	for _, m := range h {
		fmt.Fprintf(&resident, " %.1f,%.1f", x.at(of(m)), y.at(float64(m.Resident)))
		fmt.Fprintf(&live, " %.1f,%.1f", x.at(of(m)), y.at(float64(m.Live)))
	}
	fmt.Fprintf(b, `<polygon points="%.1f,%.1f%s %.1f,%.1f" fill="%s" fill-opacity="0.15"/>`+"\n",
		x.start, y.start, resident.String(), x.at(of(h[len(h)-1])), y.start, residentColor)
	for _, curve := range []struct{ color, points string }{{residentColor, resident.String()}, {liveColor, live.String()}} {
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round"/>`+"\n", curve.points[1:], curve.color)
	}
	line(b, x.start, y.start, x.end, y.start, "#222")
}

// An axis maps the values from 0 to a highest one on a distance of the picture.
type axis struct{ from, to, start, end float64 }

func (a axis) at(v float64) float64 { return a.start + (v-a.from)/(a.to-a.from)*(a.end-a.start) }

// ticks returns about n values along the axis: multiples of 1, 2 or 5 times a power of ten units.
func (a axis) ticks(n int, unit float64) (values []float64) {
	rough := (a.to - a.from) / float64(n) / unit
	step := math.Pow(10, math.Floor(math.Log10(rough)))
	switch {
	case rough > 5*step:
		step *= 10
	case rough > 2*step:
		step *= 5
	case rough > step:
		step *= 2
	}
	for i := 0.0; a.from+i*step*unit <= a.to; i++ {
		values = append(values, a.from+i*step*unit)
	}
	return values
}

// bytesUnit returns the largest unit of bytes that the value has one of.
func bytesUnit(v float64) (unit float64, name string) {
	unit, name = 1, " B"
	for _, larger := range []string{" KiB", " MiB", " GiB", " TiB"} {
		if v >= 1024*unit {
			unit, name = 1024*unit, larger
		}
	}
	return unit, name
}

func tick(b *bytes.Buffer, x float64, label string) {
	line(b, x, svgBottom, x, svgBottom+5, "#222")
	text(b, x, svgBottom+21, `text-anchor="middle"`, label)
}

func legend(b *bytes.Buffer, x float64, color, label string) {
	fmt.Fprintf(b, `<rect x="%.1f" y="48" width="22" height="4" fill="%s"/>`+"\n", x, color)
	text(b, x+30, 54, "", label)
}

func line(b *bytes.Buffer, x1, y1, x2, y2 float64, color string) {
	fmt.Fprintf(b, `<line x1="%.1f" y1="%.1f" x2="%.1f" y2="%.1f" stroke="%s"/>`+"\n", x1, y1, x2, y2, color)
}

func text(b *bytes.Buffer, x, y float64, attributes, content string) {
	fmt.Fprintf(b, `<text x="%.1f" y="%.1f" %s>%s</text>`+"\n", x, y, attributes, html.EscapeString(content))
}
