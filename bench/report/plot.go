package report

import (
	"fmt"
	"image/color"
	"math"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"gonum.org/v1/plot"
	"gonum.org/v1/plot/plotter"
	"gonum.org/v1/plot/vg"
	"gonum.org/v1/plot/vg/draw"

	"github.com/spanheap/spanheap/bench/suite"
)

// A Plot is a picture of a part of the results.
type Plot struct {
	Title string
	File  string // its name in the folder of results
	draw  func() (*plot.Plot, vg.Length, error)
}

// WritePlots writes the pictures that the results have values for into dir.
func (r *Results) WritePlots(dir string) ([]Plot, error) {
	var drawn []Plot
	for _, p := range r.plots() {
		picture, height, err := p.draw()
		if err == nil {
			err = picture.Save(22*vg.Centimeter, height, filepath.Join(dir, p.File))
		}
		if err != nil {
			return nil, fmt.Errorf("plot %s: %w", p.File, err)
		}
		drawn = append(drawn, p)
	}
	return drawn, nil
}

// plots returns the pictures with at least one dot.
func (r *Results) plots() []Plot {
	natives := append([]string{suite.Spanheap, suite.Local}, suite.Natives...)
	peers := []string{suite.Spanheap, suite.Make, "sync.Pool", suite.Modernc, "mcache", "cgo-malloc", suite.CgoJemalloc}
	single, shared := all(plain, procs(1)), all(plain, procs(2))
	var plots []Plot
	add := func(title, file, axis string, d dots) {
		if len(d.names) > 0 && len(d.series) > 0 {
			plots = append(plots, Plot{title, file, func() (*plot.Plot, vg.Length, error) { return d.plot(title, axis+"; logarithmic\n"+r.caption()) }})
		}
	}
	const axis = "time of an operation, spanheap = 1; left is faster"
	add("One goroutine, beside native allocators in C", "native-1.svg", axis, r.ratioDots(single, natives))
	add("Two goroutines, beside native allocators in C", "native-2.svg", axis, r.ratioDots(shared, natives))
	add("One goroutine, beside what Go programs use", "go-1.svg", axis, r.ratioDots(single, peers))
	add("Two goroutines, beside what Go programs use", "go-2.svg", axis, r.ratioDots(shared, peers))
	times, memory := r.traceDots()
	add("Traces of real programs: time", "traces-time.svg", "ns per event; left is faster", times)
	add("Traces of real programs: memory", "traces-memory.svg", "resident / live bytes; left is smaller", memory)
	add("Memory that stays resident after frees", "retention.svg", "MB; left is smaller", r.retentionDots())
	add("The collector and the requests beside live objects", "collector.svg", "ms; left is faster", r.collectorDots())
	return plots
}

// caption says on what the picture's values were measured, and when.
func (r *Results) caption() string {
	return fmt.Sprintf("%s, %d cores; commit %s, %s", r.Machine.Processor, r.Machine.Cores, r.Commit, r.Date.UTC().Format(time.DateOnly))
}

// dots is a picture of rows with one dot for each series, over a logarithmic axis.
type dots struct {
	names  []string // of the rows, from the top
	series []series
}

type series struct {
	name   string
	values map[int]float64 // by row
}

func (d *dots) put(seriesName string, row int, v float64) {
	if v <= 0 {
		return
	}
	for _, s := range d.series {
		if s.name == seriesName {
			s.values[row] = v
			return
		}
	}
	d.series = append(d.series, series{seriesName, map[int]float64{row: v}})
}

// ratioDots returns the times of the rows over spanheap's, or nothing where only spanheap was measured.
func (r *Results) ratioDots(rows filter, impls []string) (d dots) {
	for _, row := range r.Rows {
		if !rows(row.Cell) {
			continue
		}
		for _, name := range impls {
			if v, ok := row.Ratio(name, suite.Spanheap); ok {
				d.put(name, len(d.names), v)
			}
		}
		d.names = append(d.names, row.Pattern+" "+row.SizeText())
	}
	if !slices.ContainsFunc(d.series, func(s series) bool { return !strings.HasPrefix(s.name, suite.Spanheap) }) {
		return dots{}
	}
	return d
}

func (r *Results) traceDots() (times, memory dots) {
	for i, t := range r.Traces {
		times.names, memory.names = append(times.names, t.Name), append(memory.names, t.Name)
		for _, name := range r.columns(r.dotted) {
			times.put(name, i, t.Time[name].Median)
			if v, ok := t.OverLive(name); ok {
				memory.put(name, i, v)
			}
		}
	}
	return times, memory
}

// dotted tells whether an impl has dots: the ways of spanheap that differ by what they note lie upon each other.
func (r *Results) dotted(name string) bool {
	return r.inTraces(name) && (name == suite.Local || !strings.HasPrefix(name, suite.Spanheap+"-"))
}

func (r *Results) collectorDots() dots {
	d := dots{names: []string{"one collection", "its CPU", "request p50", "request p99", "request p99.9", "slowest request"}}
	for _, c := range r.Collector {
		for i, ns := range []float64{c.Collection, c.CPU, c.P50, c.P99, c.P999, c.Last} {
			d.put(storeSeries(c.Store), i, ns/1e6)
		}
	}
	return d
}

// palette is told apart by most eyes (Okabe and Ito, Color Universal Design, 2008).
var palette = []color.RGBA{
	{0, 0, 0, 255}, {213, 94, 0, 255}, {0, 114, 178, 255}, {0, 158, 115, 255},
	{204, 121, 167, 255}, {230, 159, 0, 255}, {86, 180, 233, 255},
}

// look returns the colour and shape of a series, the same in all pictures.
func look(name string) draw.GlyphStyle {
	order := []string{suite.Spanheap, suite.Local, suite.Glibc, suite.Jemalloc, suite.Tcmalloc, suite.Mimalloc, suite.Modernc,
		suite.Make, "sync.Pool", "mcache", "cgo-malloc", suite.CgoJemalloc, storeSeries("spanheap"), storeSeries("go")}
	i := max(0, slices.Index(order, name))
	return draw.GlyphStyle{
		Color: palette[i%len(palette)], Shape: shapes[(i+i/len(palette))%len(shapes)], Radius: vg.Points(3.5),
	}
}

func storeSeries(store string) string { return "objects: " + store }

var shapes = []draw.GlyphDrawer{
	draw.CircleGlyph{}, draw.PyramidGlyph{}, draw.BoxGlyph{}, draw.SquareGlyph{}, draw.TriangleGlyph{}, draw.PlusGlyph{}, draw.CrossGlyph{},
}

func (d dots) plot(title, axis string) (*plot.Plot, vg.Length, error) {
	p := plot.New()
	p.Title.Text, p.X.Label.Text = title, axis
	p.X.Scale, p.X.Tick.Marker = plot.LogScale{}, plot.TickerFunc(octaves)
	p.BackgroundColor = color.White
	p.Add(plotter.NewGrid())
	bottomUp := make([]string, len(d.names))
	for i, name := range d.names {
		bottomUp[len(d.names)-1-i] = "      " + name // room for wider fonts than the picture reckons with
	}
	p.NominalY(bottomUp...)
	for _, s := range d.series {
		var xy plotter.XYs
		for row := range d.names {
			if v, has := s.values[row]; has {
				xy = append(xy, plotter.XY{X: v, Y: float64(len(d.names) - 1 - row)})
			}
		}
		scatter, err := plotter.NewScatter(xy)
		if err != nil {
			return nil, 0, err
		}
		scatter.GlyphStyle = look(s.name)
		p.Add(scatter)
		p.Legend.Add(s.name, scatter)
	}
	p.Legend.Top, p.Legend.XOffs = true, vg.Points(-4)
	p.Y.Min, p.Y.Max = -0.5, float64(len(d.names))-0.5
	if p.X.Max < 4*p.X.Min { // room for two ticks at least
		p.X.Min, p.X.Max = math.Exp2(math.Floor(math.Log2(p.X.Min))), math.Exp2(math.Floor(math.Log2(p.X.Max))+1)
	}
	// The legend has the right quarter of the picture.
	width := math.Log2(p.X.Max / p.X.Min)
	p.X.Min, p.X.Max = p.X.Min*math.Exp2(-0.03*width), p.X.Max*math.Exp2(0.33*width)
	rows := max(len(d.names), len(d.series)*2/3+1)
	return p, vg.Length(rows)*0.62*vg.Centimeter + 2.7*vg.Centimeter, nil
}

// octaves puts ticks at powers of two, a dozen at most.
func octaves(low, high float64) []plot.Tick {
	first, last := math.Ceil(math.Log2(low)), math.Floor(math.Log2(high))
	step := math.Ceil((last - first + 1) / 12)
	var ticks []plot.Tick
	for e := step * math.Ceil(first/step); e <= last; e += step {
		label := fmt.Sprintf("%.0f", math.Exp2(e))
		if e < 0 {
			label = fmt.Sprintf("1/%.0f", math.Exp2(-e))
		}
		ticks = append(ticks, plot.Tick{Value: math.Exp2(e), Label: label})
	}
	return ticks
}
