package main

import (
	"bytes"
	"cmp"
	"flag"
	"fmt"
	"slices"

	"github.com/spanheap/spanheap"
)

var wasteCommand = command{
	name:    "waste",
	args:    "[-json] -trace FILE | -sizes FILE",
	summary: "what the size classes would waste on a load, class by class",
	details: `Prints what a load's blocks would waste in each class: rounding, which is their slots less what they
ask for, and tails, the ends of the spans that hold them when every span is full. The load is what is
live in a heap trace at its peak of live bytes, or a list of sizes: a size and a count of blocks on
each line, with a comma between; the first line may be a header. Blocks above the largest class are
large: whole pages, 256 GiB less a page at most (2 GiB on 32-bit systems). Blocks of 4 bytes and less are
tiny.

A FILE of - is standard input.
` + undetectable,
	setup: func(flags *flag.FlagSet) action {
		traceFile := flags.String("trace", "", "the load of a heap trace, a `FILE`")
		sizesFile := flags.String("sizes", "", "the load of a list of sizes and counts, a CSV `FILE`")
		asJSON := flags.Bool("json", false, jsonFlag)
		return func(s streams, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			if (*traceFile == "") == (*sizesFile == "") {
				return usagef("give it one of -trace and -sizes")
			}
			file, read := *traceFile, peakLoad
			if *sizesFile != "" {
				file, read = *sizesFile, readSizes
			}
			blocks, err := read(s, file)
			if err != nil {
				return err
			}
			w := wasteOfLoad(file, blocks)
			if *asJSON {
				return writeJSON(s.out, w)
			}
			_, err = s.out.Write(w.text())
			return err
		}
	},
}

// waste is what a load comes to, the most wasteful class first.
type waste struct {
	Schema  int          `json:"schema"`
	File    string       `json:"file"`
	Total   classWaste   `json:"total"`
	Classes []classWaste `json:"classes"`
}

// classWaste is one class's part of a load. Requested + Rounding + Tails = Bytes.
type classWaste struct {
	Class     string `json:"class"` // as in the heap's own Stats
	Slot      uint64 `json:"slot"`  // bytes; 0 where they differ
	Blocks    uint64 `json:"blocks"`
	Requested uint64 `json:"requested"`
	Rounding  uint64 `json:"rounding"`
	Tails     uint64 `json:"tails"`
	Bytes     uint64 `json:"bytes"`
}

func (c classWaste) waste() uint64 { return c.Rounding + c.Tails }

// wasteOfLoad places every block in its class.
func wasteOfLoad(file string, blocks load) waste {
	table := classTable(spanheap.SizeClasses())
	rows := map[int]*classWaste{}
	for k, n := range blocks {
		row, bytes := table.place(k)
		c := rows[row]
		if c == nil {
			c = &classWaste{Class: table.name(row), Slot: table.slot(row)}
			rows[row] = c
		}
		c.Blocks += n
		c.Requested += n * k.size
		c.Rounding += n * (bytes - k.size)
	}
	w := waste{Schema: schema, File: file, Total: classWaste{Class: "all"}, Classes: []classWaste{}}
	for row, c := range rows {
		c.Tails = table.tails(row, c.Blocks)
		c.Bytes = c.Requested + c.Rounding + c.Tails
		w.Classes = append(w.Classes, *c)
		w.Total.Blocks += c.Blocks
		w.Total.Requested += c.Requested
		w.Total.Rounding += c.Rounding
		w.Total.Tails += c.Tails
		w.Total.Bytes += c.Bytes
	}
	slices.SortFunc(w.Classes, func(a, b classWaste) int {
		return cmp.Or(cmp.Compare(b.waste(), a.waste()), cmp.Compare(a.Class, b.Class))
	})
	return w
}

func (w waste) text() []byte {
	var b bytes.Buffer
	fmt.Fprintf(&b, "%s: %s for %s bytes (%s)\n\n",
		title(w.File), plural(w.Total.Blocks, "block asks", "blocks ask"), count(w.Total.Requested), size(w.Total.Requested))
	t := newTable(&b, len("class"))
	t.row("class", "slot", "blocks", "requested", "rounding", "tails", "waste", "of class", "of all waste")
	for _, c := range append(slices.Clone(w.Classes), w.Total) {
		t.row(fmt.Sprintf("%5s", c.Class), orNothing(c.Slot), count(c.Blocks), count(c.Requested), count(c.Rounding), count(c.Tails),
			count(c.waste()), percent(c.waste(), c.Bytes), percent(c.waste(), w.Total.waste()))
	}
	t.flush()
	return b.Bytes()
}
