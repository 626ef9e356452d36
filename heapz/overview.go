package heapz

import (
	"net/http"

	"github.com/spanheap/spanheap"
)

// worstClasses is how many classes the overview shows.
const worstClasses = 12

// overview is the first page: the waste report.
func overview(w http.ResponseWriter, r *http.Request) error {
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
	all := report(heaps)
	if asJSON {
		return showJSON(w, all)
	}
	worst := worstFirst(all.Total.Classes)
	more := len(worst) - min(len(worst), worstClasses)
	return show(w, q, "overview", "Overview", struct {
		Report
		Backed, Reserved   []column
		BackedBar, WideBar bar
		HeapRows           []heapRow
		Classes            []classRow
		MoreClasses        int
		Arenas             int
	}{
		Report:      all,
		Backed:      backedColumns(all.Total),
		Reserved:    reservedColumns(all.Total),
		BackedBar:   newBar("what is backed", all.Total.Backed, backedColumns(all.Total)),
		WideBar:     newBar("what is reserved", all.Total.Reserved, reservedColumns(all.Total)),
		HeapRows:    heapRows(all.Heaps),
		Classes:     classRows(worst[:len(worst)-more]),
		MoreClasses: more,
		Arenas:      int(all.Total.Arenas),
	})
}

// stats is the same in figures.
func stats(w http.ResponseWriter, r *http.Request) error {
	q, err := parse(r, "heap")
	if err != nil {
		return err
	}
	heaps, err := q.heaps()
	if err != nil {
		return err
	}
	return showJSON(w, report(heaps))
}

// heapRow is a heap with its bar, drawn beside the heap that has most backed.
type heapRow struct {
	HeapReport
	Bar bar
}

func heapRows(heaps []HeapReport) (rows []heapRow) {
	most := uint64(0)
	for _, h := range heaps {
		most = max(most, h.Stats.Backed)
	}
	for _, h := range heaps {
		rows = append(rows, heapRow{h, newBar(h.Name, most, backedColumns(h.Stats))})
	}
	return rows
}

// classRow is a class with its bar.
type classRow struct {
	spanheap.ClassStats
	Bar bar
}

// classRows draws the classes beside the one with the most bytes.
func classRows(classes []spanheap.ClassStats) (rows []classRow) {
	most := uint64(0)
	for _, c := range classes {
		most = max(most, c.SpanBytes)
	}
	for _, c := range classes {
		rows = append(rows, newClassRow(c, most))
	}
	return rows
}

func newClassRow(c spanheap.ClassStats, whole uint64) classRow {
	return classRow{c, newBar("class "+c.Name, whole, classColumns(c))}
}
