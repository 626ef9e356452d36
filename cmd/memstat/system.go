package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"

	"github.com/spanheap/spanheap"
)

// What the heap says of its memory beside what the kernel says: one table.

var reportCommand = command{
	name:    "report",
	args:    "[-json] [-rows N] [TARGET]",
	mixed:   true,
	summary: "what is resident of a process, taken apart; or what heap and kernel say of a load",
	details: `With a TARGET: takes a process's resident memory apart, into what Go and spanheap count and all else, says in
words what most of it is, and prints the report of its heaps and of their size classes. Handlers do not
tell what is resident; of them there are the heaps alone.

` + targets + `

Without one: runs the built-in load on a fresh heap, and prints, at the load's peak, at its end and after
all free memory was released, how much is mapped, backed, given back and never touched: what the heap's
statistics say, and what the kernel says of the same addresses. -json writes what memstat -json does.`,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		rows := flags.Int("rows", 10, rowsFlag)
		return func(s streams, args []string) error {
			switch {
			case *rows < 0:
				return usagef("-rows %d is negative", *rows)
			case len(args) > 0:
				return reportTarget(s, args, *asJSON, *rows)
			}
			d, err := demonstrate(demoRequests)
			if err != nil {
				return err
			}
			if *asJSON {
				return writeJSON(s.out, d)
			}
			var b bytes.Buffer
			writeSystem(&b, "At the peak, with requests in flight", d.StatsPeak, d.SystemPeak)
			fmt.Fprintln(&b)
			writeSystem(&b, "At the end, with most sessions expired", d.StatsEnd, d.SystemEnd)
			fmt.Fprintln(&b)
			writeSystem(&b, "After a Release of all that is free", d.StatsReleased, d.SystemReleased)
			_, err = s.out.Write(b.Bytes())
			return err
		}
	},
}

// A systemView is what the system says, if it says anything.
type systemView struct {
	Known bool `json:"known"`
	spanheap.SystemView
}

func viewOf(heap *spanheap.Heap) (v systemView, err error) {
	v.SystemView, err = heap.SystemView()
	v.Known = err == nil
	if errors.Is(err, errors.ErrUnsupported) {
		err = nil
	}
	return v, err
}

// writeSystem writes the table.
func writeSystem(b *bytes.Buffer, title string, s spanheap.Stats, v systemView) {
	fmt.Fprintf(b, "%s:\n\n", title)
	t := newTable(b, len("never touched"))
	t.row("", "we say", "", "the kernel says", "")
	line := func(name, phrase string, ours, theirs uint64) {
		if v.Known {
			t.rowWith(phrase, name, count(ours), size(ours), count(theirs), size(theirs))
		} else {
			t.rowWith(phrase, name, count(ours), size(ours), "-", "")
		}
	}
	backed := v.Resident + v.Swapped
	line("mapped", "may be read and written", s.Mapped, v.Mapped)
	line("backed", "has memory behind it; what was never written has none", s.Backed, backed)
	line("given back", "mapped, and has none", s.Released, v.Mapped-min(backed, v.Mapped))
	line("never touched", "reserved addresses", s.Untouched, v.Untouched)
	line("huge", "asked to be, and in huge pages", s.HugeAsked, v.Huge)
	t.flush()
	if !v.Known {
		fmt.Fprintln(b, "\nThis system does not tell of a process's memory.")
		return
	}
	fmt.Fprintf(b, "\nThe process has %s resident, %s of it anonymous, in %s mappings; the heap is %s of them.\n",
		size(v.Process.Resident), size(v.Process.Anonymous), count(v.Process.Mappings), count(v.Mappings))
}
