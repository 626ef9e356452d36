package main

import (
	"bytes"
	"fmt"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/smaps"
	"github.com/spanheap/spanheap/internal/statpage"
)

// The report of another process: the reconciliation first, then its heaps.

// anatomy is what a process's page and the kernel say together.
type anatomy struct {
	Schema         int            `json:"schema"`
	PID            int            `json:"pid"`
	Program        string         `json:"program"`
	Age            float64        `json:"age_seconds"`
	Goroutines     uint64         `json:"goroutines"`
	Reconciliation reconciliation `json:"reconciliation"`
	Verdict        string         `json:"verdict"`
	Stats          spanheap.Stats `json:"stats"` // of all heaps
	Heaps          []heapAnatomy  `json:"heaps"`

	swapped uint64
}

type heapAnatomy struct {
	Name    string         `json:"name"`
	Purpose string         `json:"purpose"`
	Limit   uint64         `json:"limit"`
	Stats   spanheap.Stats `json:"stats"`
}

// reportTarget writes the report of the process that is named.
func reportTarget(s streams, args []string, asJSON bool, rows int) error {
	pid, err := targetPID(args)
	if err != nil {
		return err
	}
	p, err := openProcess(pid)
	if err != nil {
		return err
	}
	v, err := p.view()
	if err != nil {
		return err
	}
	a := dissect(p, v, time.Now())
	if asJSON {
		return writeJSON(s.out, a)
	}
	_, err = s.out.Write(a.text(rows))
	return err
}

func dissect(p process, v smaps.View, now time.Time) anatomy {
	total := totalOf(p.page)
	a := anatomy{
		Schema: schema, PID: p.pid, Program: p.name, Age: age(p.page, now).Seconds(), Goroutines: p.page.Process.Goroutines,
		Reconciliation: reconcile(p.page, v), Stats: statsOf(&total), Heaps: []heapAnatomy{}, swapped: v.Process.Swapped,
	}
	a.Verdict = a.Reconciliation.verdict(a.Stats.Classes)
	for i := range p.page.Heaps {
		h := &p.page.Heaps[i]
		a.Heaps = append(a.Heaps, heapAnatomy{heapName(h), h.Purpose, h.Limit, statsOf(h)})
	}
	return a
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
	fmt.Fprintf(&b, "Process %d, %s: %s resident; its page was written %s\n\n", a.PID, a.Program, size(a.Reconciliation.RSS), ago(a.Age))
	a.Reconciliation.write(&b, a.swapped)
	fmt.Fprintf(&b, "\nVerdict: %s\n\n", a.Verdict)
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
		t.rowWith(h.Purpose, h.Name, count(s.LiveBlocks), size(s.Live), size(s.Backed), percent(s.Live, s.Backed),
			size(s.CachedSlots+s.CentralSlots), size(s.FreePages), limit)
	}
	t.flush()
}
