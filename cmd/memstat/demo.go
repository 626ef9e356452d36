package main

import (
	"bytes"
	"flag"
	"fmt"

	"github.com/spanheap/spanheap"
)

// demoRequests are as many as a fraction of a second allows.
const demoRequests = 50_000

var demoCommand = command{
	args: "[-json] [-rows N]",
	details: `Runs a built-in load, shaped like a service's, on a fresh heap, and prints where the heap's bytes
are at the load's peak and at its end: a sum that closes over all its address space, the classes
that waste most, and a verdict.`,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		rows := flags.Int("rows", 6, rowsFlag)
		return func(s streams, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			if *rows < 0 {
				return usagef("-rows %d is negative", *rows)
			}
			d, err := demonstrate(demoRequests)
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(s.out, d)
			}
			_, err = s.out.Write(d.text(*rows))
			return err
		}
	},
}

type demonstration struct {
	Schema    int            `json:"schema"`
	Requests  int            `json:"requests"`
	StatsPeak spanheap.Stats `json:"stats_peak"`
	StatsEnd  spanheap.Stats `json:"stats_end"`
}

// demonstrate has the built-in service answer so many requests on a heap of its own, and verifies the heap.
func demonstrate(requests int) (demonstration, error) {
	d := demonstration{Schema: schema, Requests: requests}
	err := onFreshHeap("memstat", func(heap *spanheap.Heap) error {
		service := newService(heap, requests)
		if err := service.serve(); err != nil {
			return err
		}
		d.StatsPeak = heap.Stats()
		service.calmDown()
		d.StatsEnd = heap.Stats()
		return heap.Verify()
	})
	return d, err
}

func (d demonstration) text(rows int) []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, `A service of two goroutines answers %s requests on a fresh heap. One takes the requests, the other
answers them, frees what the first allocated, and keeps sessions and documents.

`, count(d.Requests))
	writeReport(&b, "At the peak, with requests in flight", d.StatsPeak, rows)
	fmt.Fprintln(&b)
	writeReport(&b, "At the end, with most sessions expired", d.StatsEnd, rows)
	return b.Bytes()
}
