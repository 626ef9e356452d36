package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/statpage"
)

// The report of another process: the reconciliation first, then its heaps.

// anatomy is what a process's page and the kernel say together.
type anatomy struct {
	Schema         int             `json:"schema"`
	PID            int             `json:"pid,omitempty"`
	Program        string          `json:"program,omitempty"`
	Age            float64         `json:"age_seconds"`
	Goroutines     uint64          `json:"goroutines,omitempty"`
	Reconciliation *reconciliation `json:"reconciliation,omitempty"` // of a local process
	Verdict        string          `json:"verdict"`
	Stats          spanheap.Stats  `json:"stats"` // of all heaps
	Heaps          []heapAnatomy   `json:"heaps"`

	title   string
	swapped uint64
}

type heapAnatomy struct {
	Name    string         `json:"name"`
	Purpose string         `json:"purpose"`
	Limit   uint64         `json:"limit"`
	Stats   spanheap.Stats `json:"stats"`
}

// reportTarget writes the report of what the arguments name.
func reportTarget(s streams, args []string, asJSON bool, rows int) error {
	p, err := lookAt(args)
	if err != nil {
		return err
	}
	a, err := dissect(p, time.Now())
	if err != nil {
		return err
	}
	if asJSON {
		return writeJSON(s.out, a)
	}
	_, err = s.out.Write(a.text(rows))
	return err
}

func dissect(p sight, now time.Time) (a anatomy, err error) {
	total := totalOf(p.page)
	a = anatomy{
		Schema: schema, PID: p.pid, Program: p.program, Age: p.age(now).Seconds(), Goroutines: p.page.Process.Goroutines,
		Stats: statsOf(&total), Heaps: []heapAnatomy{}, title: p.title,
	}
	a.Verdict = verdict(a.Stats)
	if p.local() {
		v, err := p.view()
		if err != nil {
			return a, err
		}
		r := reconcile(p.page, v)
		a.Reconciliation, a.swapped, a.Verdict = &r, v.Process.Swapped, r.verdict(a.Stats.Classes)
	}
	for i := range p.page.Heaps {
		h := &p.page.Heaps[i]
		a.Heaps = append(a.Heaps, heapAnatomy{heapName(h), h.Purpose, h.Limit, statsOf(h)})
	}
	return a, nil
}

// heapName returns the name of a heap, or what it is the sum of.
func heapName(h *statpage.Heap) string {
	if h.Summed > 1 {
		return fmt.Sprintf("%d others", h.Summed)
	}
	return h.Name
}

func (a *anatomy) text(rows int) []byte {
	var b bytes.Buffer
	if r := a.Reconciliation; r != nil {
		fmt.Fprintf(&b, "%s: %s resident; its page was written %s\n\n", a.title, size(r.RSS), ago(a.Age))
		r.write(&b, a.swapped)
		fmt.Fprintf(&b, "\nVerdict: %s\n\n", a.Verdict)
	} else {
		fmt.Fprintf(&b, "%s: %s backed\n\n", a.title, size(a.Stats.Backed))
	}
	writeHeaps(&b, a.Heaps)
	fmt.Fprintln(&b)
	writeReport(&b, "All heaps", a.Stats, rows)
	return b.Bytes()
}

func writeHeaps(b *bytes.Buffer, heaps []heapAnatomy) {
	t := newTable(b, len("heap"))
	t.rowWith("purpose", "heap", "blocks", "live", "backed", "live of backed", "free slots", "free pages", "limit")
	for _, h := range heaps {
		s := h.Stats
		limit := ""
		if h.Limit > 0 {
			limit = size(h.Limit)
		}
		t.rowWith(printable(h.Purpose), printable(h.Name), count(s.LiveBlocks), size(s.Live), size(s.Backed), percent(s.Live, s.Backed),
			size(s.CachedSlots+s.CentralSlots), size(s.FreePages), limit)
	}
	t.flush()
}
