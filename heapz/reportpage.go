package heapz

import (
	"bytes"
	"html/template"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"time"

	"github.com/spanheap/spanheap"
)

// The report is one page that can be kept as a file: the closing sum, the heaps, the classes, the map of the
// arenas, and who allocated what lives.

// About says what a report is of.
type About struct {
	Program  string
	PID      int
	Time     time.Time
	Go       string     // the version; may be empty
	Verdict  string     // a sentence; may be empty
	Resident []Resident // what makes up the process's resident memory; may be empty
}

// Resident is a part of a process's resident memory.
type Resident struct {
	Name, Phrase string
	Bytes        int64 // below 0: counted in the others, and not in memory
}

// WriteHTML writes the report as a page that needs nothing else, of a process that tells its figures alone: it has
// no map of the arenas, and no call sites. Its error is w's.
func (r Report) WriteHTML(w io.Writer, about About) error {
	return writeReport(w, newReportBody(r, about), about)
}

// topSites is how many call sites the report shows.
const topSites = 15

type reportBody struct {
	About
	Report
	Backed            []column
	BackedBar         bar
	ResidentSum       int64
	HeapRows          []heapRow
	Classes           []classRow
	ClassColumns      []column
	Map               *arenasBody
	Sites             int // how many there are
	ByBytes, ByWasted []siteRow
}

// siteRow is a call site with its bar, drawn beside the largest.
type siteRow struct {
	spanheap.CallSite
	InUse, Waste uint64
	Bar          bar
}

func newReportBody(r Report, about About) *reportBody {
	b := &reportBody{
		About: about, Report: r, Backed: backedColumns(r.Total), HeapRows: heapRows(r.Heaps),
		BackedBar: newBar("what is backed", r.Total.Backed, backedColumns(r.Total)),
		Classes:   classRows(worstFirst(r.Total.Classes)),
	}
	var all spanheap.ClassStats
	for _, c := range r.Total.Classes {
		all = all.Plus(c)
	}
	b.ClassColumns = classColumns(all)
	for _, part := range about.Resident {
		b.ResidentSum += part.Bytes
	}
	return b
}

func writeReport(w io.Writer, b *reportBody, about About) error {
	d := document{
		Name: "report", Title: "Report", Program: about.Program, PID: about.PID, Go: about.Go, Time: about.Time,
		Alone: true, Style: template.CSS(style), Body: b,
	}
	var page bytes.Buffer
	if err := html.ExecuteTemplate(&page, "report.html", d); err != nil {
		return err
	}
	_, err := w.Write(page.Bytes())
	return err
}

// siteRows returns the sites that have most of what value tells, with their bars.
func siteRows(sites []spanheap.CallSite, value func(spanheap.CallSite) uint64) (rows []siteRow) {
	sites = slices.Clone(sites)
	slices.SortStableFunc(sites, func(a, b spanheap.CallSite) int {
		switch x, y := value(a), value(b); {
		case x > y:
			return -1
		case x < y:
			return 1
		}
		return 0
	})
	for _, s := range sites {
		if len(rows) == topSites || value(s) == 0 {
			break
		}
		s.File = filepath.Base(s.File)
		bytes, waste := uint64(max(s.InUseBytes, 0)), uint64(max(s.WasteBytes, 0))
		columns := []column{{Kind: "live", Name: "in use", Bytes: bytes}, {Kind: "rounding", Name: "waste", Bytes: waste}}
		if value(s) == waste {
			columns = columns[1:]
		}
		rows = append(rows, siteRow{CallSite: s, InUse: bytes, Waste: waste, Bar: newBar(s.Function, value(sites[0]), columns)})
	}
	return rows
}

// siteReport is what the report says as JSON.
type siteReport struct {
	Report
	Arenas []HeapArenas        `json:"arenas"`
	Sites  []spanheap.CallSite `json:"sites"`
}

// reportPage is the whole report, of the heaps.
func reportPage(w http.ResponseWriter, r *http.Request) error {
	q, err := parse(r, "heap", "format")
	if err != nil {
		return err
	}
	asJSON, err := q.wantsJSON(r)
	if err != nil {
		return err
	}
	heaps, err := q.heaps()
	if err != nil {
		return err
	}
	about := About{Program: filepath.Base(os.Args[0]), PID: os.Getpid(), Time: time.Now(), Go: runtime.Version()}
	b := newReportBody(report(heaps), about)
	sites := spanheap.ReadProfileOf(heaps...).CallSites()
	tables, arenas := mapOf(heaps)
	if asJSON {
		return showJSON(w, siteReport{b.Report, tables, sites})
	}
	b.Map = &arenas
	b.Sites = len(sites)
	b.ByBytes = siteRows(sites, func(s spanheap.CallSite) uint64 { return uint64(max(s.InUseBytes+s.WasteBytes, 0)) })
	b.ByWasted = siteRows(sites, func(s spanheap.CallSite) uint64 { return uint64(max(s.WasteBytes, 0)) })
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.Header().Set("Content-Security-Policy", policy)
	w.Header().Set("Referrer-Policy", "no-referrer")
	return writeReport(w, b, about)
}
