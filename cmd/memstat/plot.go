package main

import (
	"bytes"
	"flag"
	"fmt"
	"math"
	"os"
	"slices"

	"github.com/dustin/go-humanize"
)

var plotCommand = command{
	name:    "plot",
	args:    "[-json] [-svg OUT] [-rows N] FILE",
	mixed:   true,
	summary: "what climbs in a recording, as a table and a picture",
	details: `Prints how the memory of a recording, of memstat record, went: first, last and most, the change per minute,
and, of nine looks or more, whether it climbs: whether it was always higher in the last third than ever in the first, by a hundredth
at least. A leak does.
With -svg it draws the resident, backed and live bytes over time, and below them the live bytes of the five
classes that grew most. A FILE of - is standard input.`,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		svg := flags.String("svg", "", "draw the picture `OUT`")
		rows := flags.Int("rows", 5, "show the `N` classes that grew most; 0 shows all")
		return func(s streams, args []string) error {
			switch {
			case len(args) != 1:
				return usagef("it takes one recording, not %d", len(args))
			case *rows < 0:
				return usagef("-rows %d is negative", *rows)
			}
			r, err := readRecording(s, args[0])
			if err != nil {
				return err
			}
			if *svg != "" {
				if err := os.WriteFile(*svg, r.svg(), 0o666); err != nil {
					return err
				}
			}
			p := plot{Schema: schema, Target: r.head.Target, Looks: len(r.points), Seconds: r.seconds()}
			p.Process, p.Classes = r.trends()
			if *asJSON {
				return writeJSON(s.out, p)
			}
			_, err = s.out.Write(p.text(*rows))
			return err
		}
	},
}

type plot struct {
	Schema  int     `json:"schema"`
	Target  string  `json:"target"`
	Looks   int     `json:"looks"`
	Seconds float64 `json:"seconds"`
	Process []trend `json:"process"`
	Classes []trend `json:"classes"`
}

func (p *plot) text(rows int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s looks in %.3g s\n\n", p.Target, count(p.Looks), p.Seconds)
	t := newTable(&b, len("Go heap and overhead"))
	t.row("", "first", "last", "most", "per minute")
	line := func(name string, x trend) {
		climbs := ""
		if x.Climbs {
			climbs = "climbs"
		}
		t.rowWith(climbs, name, size(x.First), size(x.Last), size(x.Most), change(x.PerMinute))
	}
	for _, x := range p.Process {
		if x.Most > 0 { // or handlers do not tell it
			line(x.Name, x)
		}
	}
	for i, x := range p.Classes {
		if rows > 0 && i == rows {
			break
		}
		line("class "+x.Name+": live", x)
	}
	t.flush()
	return b.Bytes()
}

// change returns a number of bytes with its sign.
func change(bytes float64) string {
	if bytes < 0 {
		return "-" + size(uint64(-bytes))
	}
	return "+" + size(uint64(bytes))
}

// Where the two parts of the picture are, in its own units.
const (
	plotHeight                  = 720
	plotSplit                   = 372 // the lower edge of the upper part
	plotClassTop, plotClassEdge = 470, 664
)

// classColors tell five curves apart.
var classColors = []string{"#d55e00", "#0072b2", "#009e73", "#cc79a7", "#e69f00"}

// svg returns the picture, which refers to nothing outside itself.
func (r *recording) svg() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 %d %d" width="%[1]d" height="%[2]d" font-family="sans-serif" font-size="13" fill="#222">`+"\n",
		svgWidth, plotHeight)
	fmt.Fprintf(&b, `<rect width="%d" height="%d" fill="#fff"/>`+"\n", svgWidth, plotHeight)
	text(&b, svgLeft, 28, `font-size="17"`, fmt.Sprintf("%s, from %s on", r.head.Target, r.head.Start))
	seconds := axis{0, math.Max(r.seconds(), 1), svgLeft, svgRight}
	r.panel(&b, seconds, svgTop, plotSplit, slices.DeleteFunc(slices.Clone(curves), func(c curve) bool {
		return slices.Max(r.series(c.of)) == 0 // handlers do not tell it
	}))
	_, classes := r.trends()
	var grown []curve
	for i, x := range classes[:min(len(classes), len(classColors))] {
		grown = append(grown, curve{"class " + x.Name, classColors[i], liveOf(x.Name)})
	}
	text(&b, svgLeft, plotClassTop-56, "", "live bytes of the classes that grew most")
	r.panel(&b, seconds, plotClassTop, plotClassEdge, grown)
	for _, v := range seconds.ticks(6, 1) {
		x := seconds.at(v)
		line(&b, x, plotClassEdge, x, plotClassEdge+5, "#222")
		text(&b, x, plotClassEdge+21, `text-anchor="middle"`, humanize.Ftoa(v))
	}
	text(&b, (svgLeft+svgRight)/2, plotClassEdge+42, `text-anchor="middle"`, "seconds")
	b.WriteString("</svg>\n")
	return b.Bytes()
}

// panel draws curves over time, with their legend above and their bytes on the left.
func (r *recording) panel(b *bytes.Buffer, x axis, top, bottom float64, curves []curve) {
	most := uint64(1)
	for _, c := range curves {
		most = max(most, slices.Max(r.series(c.of)))
	}
	y := axis{0, float64(most) * 1.04, bottom, top}
	unit, unitName := bytesUnit(y.to)
	for _, v := range y.ticks(5, unit) {
		line(b, svgLeft, y.at(v), svgRight, y.at(v), "#ddd")
		text(b, svgLeft-8, y.at(v)+4, `text-anchor="end"`, humanize.Ftoa(v/unit)+unitName)
	}
	for i, c := range curves {
		left := svgLeft + float64(i)*150
		fmt.Fprintf(b, `<rect x="%.1f" y="%.1f" width="22" height="4" fill="%s"/>`+"\n", left, top-36, c.color)
		text(b, left+30, top-30, "", c.name)
		var points bytes.Buffer
		for j, value := range r.series(c.of) {
			fmt.Fprintf(&points, " %.1f,%.1f", x.at(r.points[j].Seconds), y.at(float64(value)))
		}
		fmt.Fprintf(b, `<polyline points="%s" fill="none" stroke="%s" stroke-width="2" stroke-linejoin="round"/>`+"\n", points.Bytes()[1:], c.color)
	}
	line(b, svgLeft, bottom, svgRight, bottom, "#222")
}
