package main

import (
	"bytes"
	"flag"
	"fmt"

	"github.com/spanheap/spanheap/internal/statpage"
)

var spansCommand = command{
	name:    "spans",
	args:    "[-json] PID",
	mixed:   true,
	summary: "how full the spans of a process are, class by class",
	details: `Prints for each size class of all heaps of a process how many of its spans have no free slot, how many
have up to a quarter of their slots free, a half, three quarters, and more, and how many are in the
hands of Ps, whose slots are not counted. Spans that are mostly free are what fragmentation is made of.
The process does nothing for it, and may be stopped. Linux only.`,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		return func(s streams, args []string) error {
			p, err := lookAt(args)
			if err != nil {
				return err
			}
			if !p.local() {
				return fmt.Errorf("%s does not tell how full its spans are; its page spans does", p.title)
			}
			total := totalOf(p.page)
			if !*asJSON {
				_, err = s.out.Write(spansText(&total))
				return err
			}
			o := occupancies{Schema: schema, PID: p.pid, Classes: []occupancy{}}
			for i := range total.Rows {
				o.Classes = append(o.Classes, occupancyOf(&total.Rows[i]))
			}
			return writeJSON(s.out, o)
		}
	},
}

type occupancies struct {
	Schema  int         `json:"schema"`
	PID     int         `json:"pid"`
	Classes []occupancy `json:"classes"`
}

// occupancy is a class's spans: Full + QuarterFree + HalfFree + MostFree + NearlyFree + Held = Spans.
type occupancy struct {
	Name        string `json:"name"`
	Size        uint64 `json:"size"`
	Spans       uint64 `json:"spans"`
	Full        uint64 `json:"full"`
	QuarterFree uint64 `json:"quarter_free"`
	HalfFree    uint64 `json:"half_free"`
	MostFree    uint64 `json:"three_quarters_free"`
	NearlyFree  uint64 `json:"nearly_free"`
	Held        uint64 `json:"held"`
}

func occupancyOf(r *statpage.Row) occupancy {
	o := r.Occupancy
	return occupancy{className(r.Class), r.Size, r.Spans, o[0], o[1], o[2], o[3], o[4], o[5]}
}

func spansText(h *statpage.Heap) []byte {
	var b bytes.Buffer
	t := newTable(&b, len("large"))
	t.row("class", "slot", "spans", "full", "to 25 % free", "to 50 %", "to 75 %", "more", "held by Ps")
	for i := range h.Rows {
		o := occupancyOf(&h.Rows[i])
		t.row(o.Name, orNothing(o.Size), count(o.Spans), orNothing(o.Full), orNothing(o.QuarterFree),
			orNothing(o.HalfFree), orNothing(o.MostFree), orNothing(o.NearlyFree), orNothing(o.Held))
	}
	t.flush()
	if len(h.Rows) == 0 {
		fmt.Fprintln(&b, "The heaps have no spans.")
	}
	return b.Bytes()
}
