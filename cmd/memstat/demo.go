package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"math"
	"os"
	"os/signal"

	"github.com/spanheap/spanheap"
)

// demoRequests are as many as a fraction of a second allows.
const demoRequests = 50_000

var demoCommand = command{
	args: "[-json] [-rows N] [-http ADDR]",
	details: `Runs a built-in load, shaped like a service's, on a fresh heap, and prints where the heap's bytes
are at the load's peak and at its end: a sum that closes over all its address space, the classes
that waste most, a verdict, and in the end what the kernel says beside it. With -http it prints nothing of that, but serves
package heapz's pages about two such heaps, one at the peak and one at the end, until it is interrupted.`,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		rows := flags.Int("rows", 6, rowsFlag)
		address := flags.String("http", "", "serve the pages of package heapz on the address `ADDR`, as localhost:6060")
		return func(s streams, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			if *rows < 0 {
				return usagef("-rows %d is negative", *rows)
			}
			if *address != "" {
				ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
				defer stop()
				return servePages(ctx, s, *address, demoRequests)
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
	Schema         int            `json:"schema"`
	Requests       int            `json:"requests"`
	StatsPeak      spanheap.Stats `json:"stats_peak"`
	StatsEnd       spanheap.Stats `json:"stats_end"`
	StatsReleased  spanheap.Stats `json:"stats_released"`
	SystemPeak     systemView     `json:"system_peak"`
	SystemEnd      systemView     `json:"system_end"`
	SystemReleased systemView     `json:"system_released"`
}

// demonstrate has the built-in service answer so many requests on a heap of its own, and verifies the heap.
func demonstrate(requests int) (demonstration, error) {
	d := demonstration{Schema: schema, Requests: requests}
	err := onFreshHeap("memstat", func(heap *spanheap.Heap) error {
		service := newService(heap, requests)
		if err := service.serve(); err != nil {
			return err
		}
		see := func(s *spanheap.Stats, v *systemView) (err error) {
			*s = heap.Stats()
			*v, err = viewOf(heap)
			return err
		}
		peak := see(&d.StatsPeak, &d.SystemPeak)
		service.calmDown()
		end := see(&d.StatsEnd, &d.SystemEnd)
		heap.Release(math.MaxInt)
		released := see(&d.StatsReleased, &d.SystemReleased)
		return errors.Join(peak, end, released, heap.Verify())
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
	fmt.Fprintln(&b)
	writeSystem(&b, "There, what we say, and what the kernel says", d.StatsEnd, d.SystemEnd)
	return b.Bytes()
}
