package main

import (
	"bytes"
	"flag"
	"fmt"

	"github.com/spanheap/spanheap"
)

var classesCommand = command{
	name:    "classes",
	args:    "[-json] [TARGET]",
	mixed:   true,
	summary: "the size classes, and the waste that each allows, or has in a process",
	details: `Prints the table of size classes. A block gets a slot of the smallest class that holds it; a span is
cut into as many slots as fit, and the tail is what is left of it. The worst waste is the share of a
span full of the smallest blocks of the class: rounding and tail.

With a TARGET: prints what a process has in each class, the most wasteful first.

` + targets,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		return func(s streams, args []string) error {
			if len(args) > 0 {
				return classesOfTarget(s, args, *asJSON)
			}
			classes := spanheap.SizeClasses()
			if *asJSON {
				return writeJSON(s.out, struct {
					Schema  int                  `json:"schema"`
					Classes []spanheap.SizeClass `json:"classes"`
				}{schema, classes})
			}
			_, err := s.out.Write(classesText(classes))
			return err
		}
	},
}

// classesOfTarget writes the classes of the process that is named.
func classesOfTarget(s streams, args []string, asJSON bool) error {
	p, err := lookAt(args)
	if err != nil {
		return err
	}
	total := totalOf(p.page)
	classes := statsOf(&total).Classes
	if asJSON {
		return writeJSON(s.out, struct {
			Schema  int                   `json:"schema"`
			PID     int                   `json:"pid"`
			Classes []spanheap.ClassStats `json:"classes"`
		}{schema, p.pid, classes})
	}
	var b bytes.Buffer
	writeClasses(&b, classes, 0)
	_, err = s.out.Write(b.Bytes())
	return err
}

func classesText(classes []spanheap.SizeClass) []byte {
	var b bytes.Buffer
	t := newTable(&b, len("class"))
	t.row("class", "slot", "span", "slots", "tail", "worst waste", "aligned to")
	for _, c := range classes {
		t.row(fmt.Sprintf("%5d", c.Class), count(c.Size), count(c.SpanBytes), count(c.Objects),
			count(c.TailWaste), fmt.Sprintf("%.2f %%", 100*c.MaxWaste), count(c.MinAlign))
	}
	t.flush()
	fmt.Fprint(&b, "\nSizes in bytes. Larger blocks have a span each, of whole pages.\n")
	return b.Bytes()
}
