package main

import (
	"bytes"
	"flag"
	"fmt"
	"text/tabwriter"
)

// help writes the overview, or with one argument all there is to say about that command or topic.
func help(s streams, args []string) error {
	var b bytes.Buffer
	switch {
	case len(args) == 0:
		overview(&b)
	case len(args) > 1:
		return usagef("it takes one command, not %d", len(args))
	case args[0] == "help":
		fmt.Fprintln(&b, "usage: memstat help [COMMAND | json]")
	case args[0] == "json":
		fmt.Fprint(&b, jsonKeys)
	default:
		c, err := find(args[0])
		if err != nil {
			return err
		}
		c.describe(&b)
	}
	_, err := s.out.Write(b.Bytes())
	return err
}

// helpArgs returns help's arguments for a command's own -h.
func helpArgs(name string) []string {
	if name == "" {
		return nil
	}
	return []string{name}
}

func overview(b *bytes.Buffer) {
	fmt.Fprint(b, "memstat shows where the bytes of a spanheap are.\n\n")
	demoCommand.describe(b)
	fmt.Fprint(b, "\nCommands:\n")
	w := tabwriter.NewWriter(b, 0, 0, 3, ' ', 0)
	for _, c := range commands() {
		if c.name != "" {
			fmt.Fprintf(w, "  memstat %s\t%s\n", c.name, c.summary)
		}
	}
	fmt.Fprint(w, "  memstat help COMMAND\tmore about one of them\n")
	fmt.Fprint(w, "  memstat help json\tthe keys of what they write with -json\n")
	w.Flush()
	fmt.Fprint(b, "\nExit codes: 0 for success, 1 for a failure, 2 for wrong usage.\n")
}

// undetectable is what the help says of every trace.
const undetectable = "A trace whose recording ended early, between two records, cannot be told from a whole one."

// describe writes the command's usage line, its details and its flags.
func (c command) describe(b *bytes.Buffer) {
	title := "memstat"
	if c.name != "" {
		title += " " + c.name
	}
	fmt.Fprintf(b, "usage: %s %s\n\n%s\n", title, c.args, c.details)
	flags := flag.NewFlagSet(c.name, flag.ContinueOnError)
	c.setup(flags)
	flags.SetOutput(b)
	fmt.Fprintln(b)
	flags.PrintDefaults()
}
