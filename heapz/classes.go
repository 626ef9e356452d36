package heapz

import (
	"net/http"

	"github.com/spanheap/spanheap"
)

// HeapClasses is what /classes.json shows of a heap.
type HeapClasses struct {
	ID      int                   `json:"id"`
	Name    string                `json:"name"`
	Classes []spanheap.ClassStats `json:"classes"`
}

// classes is the table of the classes in use.
func classes(w http.ResponseWriter, r *http.Request) error {
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
		tables := []HeapClasses{}
		for _, h := range all.Heaps {
			tables = append(tables, HeapClasses{h.ID, h.Name, h.Stats.Classes})
		}
		return showJSON(w, tables)
	}
	total, rows := spanheap.ClassStats{}, []classRow{}
	for _, c := range all.Total.Classes {
		total = total.Plus(c)
		rows = append(rows, newClassRow(c, c.SpanBytes))
	}
	return show(w, q, "classes", "Size classes", struct {
		Rows    []classRow
		Total   spanheap.ClassStats
		Columns []column
	}{rows, total, classColumns(total)})
}
