package main

import (
	"bytes"
	"flag"
	"fmt"
	"strings"
	"time"

	"github.com/spanheap/spanheap/heapz"
)

var htmlCommand = command{
	name:    "html",
	args:    "-o FILE TARGET",
	mixed:   true,
	summary: "write a report of a process as one page, to keep or to send",
	details: `Writes to FILE, or with -o - to the standard output, a page that needs nothing else: where the bytes are, as a bar and as a
table; the heaps; the size classes, those first that waste most; and where handlers are the target, the call
sites with most bytes and most waste, and the map of the arenas. Of a process of this machine it has what is
resident, taken apart, instead.

` + targets,
	setup: func(flags *flag.FlagSet) action {
		name := flags.String("o", "", "the `FILE` that is written; - for the standard output")
		return func(s streams, args []string) error {
			if *name == "" {
				return usagef("no -o FILE")
			}
			t, err := targetOf(args)
			if err != nil {
				return err
			}
			page, err := reportPage(t)
			if err != nil {
				return err
			}
			if *name == "-" {
				_, err := s.out.Write(page)
				return err
			}
			if err := writeWhole(*name, page); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s in %s\n", size(uint64(len(page))), *name)
			return err
		}
	},
}

// reportPage returns the page: the handlers' own, or one of what the process's page tells.
func reportPage(t target) ([]byte, error) {
	if r, ok := t.(*remote); ok {
		return r.get("report")
	}
	now := time.Now()
	p, err := t.look()
	if err != nil {
		return nil, err
	}
	a, err := dissect(p, now)
	if err != nil {
		return nil, err
	}
	r := heapz.Report{Total: a.Stats}
	for i, h := range a.Heaps {
		r.Heaps = append(r.Heaps, heapz.HeapReport{ID: int(p.page.Heaps[i].ID), Name: h.Name, Purpose: h.Purpose, Limit: int64(h.Limit), Stats: h.Stats})
	}
	about := heapz.About{Program: p.program, PID: p.pid, Time: now, Verdict: sentence(a.Verdict)}
	if a.Reconciliation != nil {
		for _, part := range a.Reconciliation.parts(a.swapped) {
			about.Resident = append(about.Resident, heapz.Resident(part))
		}
	}
	var page bytes.Buffer
	err = r.WriteHTML(&page, about)
	return page.Bytes(), err
}

// sentence returns the text with a capital letter.
func sentence(text string) string {
	if text == "" {
		return ""
	}
	return strings.ToUpper(text[:1]) + text[1:]
}
