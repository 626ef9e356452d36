// Command memstat-diff shows what lies between two heap profiles: which call sites hold more than before, and
// which less. "memstat diff" runs it. It is a module of its own, since it reads profiles with
// github.com/google/pprof.
//
// It exits with 0 when all went well, 1 when something failed and 2 when it was called wrongly.
package main

import (
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
)

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }

const (
	exitOK = iota
	exitFailure
	exitUsage
)

const usage = `usage: memstat-diff [-by TYPE] [-n N] [-json] [-o FILE] BEFORE AFTER

Prints the call sites between whose samples in two heap profiles, files as spanheap.WriteHeapProfile and
net/http/pprof write them, the difference is largest, as far as they are sampled.

-json writes the two files (before, after), the order (by), the whole difference by sample type (total), and for each
call site (sites) where it is (function, file, line), the stack of its largest sample, callers last, and its values.

`

type options struct {
	by            string
	rows          int
	json          bool
	out           string
	before, after string
}

var errUsage = errors.New("wrong usage")

func parse(args []string) (o options, flags *flag.FlagSet, err error) {
	flags = flag.NewFlagSet("memstat-diff", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	flags.StringVar(&o.by, "by", "inuse_space", "order by the difference in this sample `TYPE`: inuse_space, inuse_objects, waste_space, alloc_space, alloc_objects")
	flags.IntVar(&o.rows, "n", 20, "`N` call sites at most; 0 for all")
	flags.BoolVar(&o.json, "json", false, "write JSON instead of text")
	flags.StringVar(&o.out, "o", "", "write the difference as a profile to this `FILE`, too, for go tool pprof")
	if err := flags.Parse(args); err != nil {
		if errors.Is(err, flag.ErrHelp) {
			return o, flags, err
		}
		return o, flags, fmt.Errorf("%w: %v", errUsage, err)
	}
	switch {
	case flags.NArg() != 2:
		return o, flags, fmt.Errorf("%w: it takes two profiles, not %d", errUsage, flags.NArg())
	case o.rows < 0:
		return o, flags, fmt.Errorf("%w: -n %d is negative", errUsage, o.rows)
	}
	o.before, o.after = flags.Arg(0), flags.Arg(1)
	return o, flags, nil
}

func run(args []string, stdout, stderr io.Writer) int {
	o, flags, err := parse(args)
	if errors.Is(err, flag.ErrHelp) {
		fmt.Fprint(stdout, usage)
		flags.SetOutput(stdout)
		flags.PrintDefaults()
		return exitOK
	}
	if err == nil {
		err = show(o, stdout)
	}
	switch {
	case err == nil:
		return exitOK
	case errors.Is(err, errUsage):
		fmt.Fprintf(stderr, "memstat-diff: %v\nRun 'memstat-diff -h' for usage.\n", err)
		return exitUsage
	}
	fmt.Fprintf(stderr, "memstat-diff: %v\n", err)
	return exitFailure
}

func show(o options, stdout io.Writer) error {
	d, err := readDifference(o.before, o.after)
	if err != nil {
		return err
	}
	by := slices.Index(d.types, o.by)
	if by < 0 {
		return fmt.Errorf("%w: -by %s: the profiles have %s", errUsage, o.by, strings.Join(d.types, ", "))
	}
	if o.out != "" {
		if err := d.writeProfile(o.out); err != nil {
			return err
		}
	}
	sites := d.sites(by)
	if o.json {
		return writeJSON(stdout, o, d, sites)
	}
	return writeTable(stdout, o, d, sites)
}
