package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spanheap/spanheap/bench/suite"
)

// The plans say what a run without other flags is.
const (
	fullPlan  = "full"
	shortPlan = "short"
)

// keptResults is where a full run writes, in this module's folder; other runs write nowhere.
const keptResults = "results"

// smallTraces is where the project's own traces are, from this module's folder.
const smallTraces = "../internal/trace/testdata"

type options struct {
	plan     string
	run      *regexp.Regexp
	impl     *regexp.Regexp
	rounds   int
	time     time.Duration
	limit    time.Duration
	pin      bool
	live     int
	retain   int
	wait     time.Duration
	traces   string
	out      string
	keep     bool // write to keptResults
	benchfmt string
	baseline string
	tags     []string
	json     bool
	list     bool
}

func parse(args []string, errs io.Writer) (*options, error) {
	o := &options{}
	flags := flag.NewFlagSet("spanbench", flag.ContinueOnError)
	flags.SetOutput(io.Discard)
	short := flags.Bool("short", false, "fewer rows, in less than two minutes where nothing else runs; exit 1 when spanheap is grossly slower than make or modernc.org/memory")
	run := flags.String("run", "", "measure only rows whose name matches this `regexp`; see -list; traces are trace=NAME, and there are collector, retention and release")
	impl := flags.String("impl", "", "measure only allocators whose name matches this `regexp`, and spanheap; none: spanheap alone")
	flags.IntVar(&o.rounds, "rounds", 0, "make every measurement so many `times`; by default 5, with -short 3")
	flags.DurationVar(&o.time, "time", 0, "measure for this `duration` each time, of which with several goroutines some goes by until all have begun; by default 80ms, with -short 30ms")
	flags.DurationVar(&o.limit, "limit", 0, "begin no round that would end after this `duration`; at least one is made; by default 19m, with -short 110s; 0: no limit")
	flags.BoolVar(&o.pin, "pin", true, "on Linux, measure what has one goroutine, and no Go collector, on one processor, for each row the fastest at the moment; =false: wherever the system puts it")
	flags.IntVar(&o.live, "live", -1, "`objects` that live beside the collector, 0 leaves it out; -1 is 20 million, with -short 2 million")
	flags.IntVar(&o.retain, "retain", -1, "`blocks` of which it is measured what stays resident after frees, 0 leaves it and release out; -1 is a million, with -short 100,000")
	flags.DurationVar(&o.wait, "wait", 0, "look at what stays resident this `duration` after the frees; by default 20s, with -short 2s")
	flags.StringVar(&o.traces, "traces", "", "replay the traces in this `folder` instead of the project's small ones")
	flags.StringVar(&o.out, "out", "", "write results.json, results.md and plots to this `folder`; a full run without -run and -impl writes to results")
	flags.StringVar(&o.benchfmt, "benchfmt", "", "write all values in Go's benchmark format to this `file`")
	flags.StringVar(&o.baseline, "baseline", "", "measure this other build of ./cmd/worker too, as impl=baseline, in rows that are not zeroed: a `program`")
	tags := flags.String("tags", "", "build the workers with these `tags` too, separated by commas")
	flags.BoolVar(&o.json, "json", false, "print JSON instead of tables")
	flags.BoolVar(&o.list, "list", false, "print the names of what there is to measure, of -run's rows and -impl's allocators")
	switch err := flags.Parse(args); {
	case errors.Is(err, flag.ErrHelp):
		flags.SetOutput(errs)
		flags.Usage()
		return nil, err
	case err != nil:
		return nil, fmt.Errorf("%w; -help shows the flags", err)
	}
	if flags.NArg() > 0 {
		return nil, fmt.Errorf("unknown argument %q", flags.Arg(0))
	}
	var err error
	if o.run, err = pattern("-run", *run); err != nil {
		return nil, err
	}
	if o.impl, err = pattern("-impl", *impl); err != nil {
		return nil, err
	}
	if o.baseline != "" {
		if o.baseline, err = filepath.Abs(o.baseline); err == nil {
			_, err = os.Stat(o.baseline)
		}
		if err != nil {
			return nil, fmt.Errorf("-baseline: %w", err)
		}
	}
	given := map[string]bool{}
	flags.Visit(func(f *flag.Flag) {
		given[f.Name] = true
		if f.Name == "live" && o.live < -1 || f.Name == "retain" && o.retain < -1 {
			err = fmt.Errorf("-%s %v: a count is not negative, but for -1, the plan's", f.Name, f.Value)
		}
		if f.Name == "rounds" && o.rounds < 1 || f.Name == "time" && o.time < time.Millisecond {
			err = fmt.Errorf("-%s %v: a run has at least one round of at least 1ms", f.Name, f.Value)
		}
	})
	if err != nil {
		return nil, err
	}
	if !slices.ContainsFunc(suite.Impls(), func(i *suite.Impl) bool { return matches(o.impl, i.Name) }) && *impl != noImpl {
		return nil, fmt.Errorf("-impl %s: no allocator has such a name; -list shows them, and none is for spanheap alone", *impl)
	}
	if o.benchfmt != "" {
		if _, err := os.Stat(filepath.Dir(o.benchfmt)); err != nil {
			return nil, fmt.Errorf("-benchfmt: %w", err)
		}
		if info, err := os.Stat(o.benchfmt); err == nil && info.IsDir() {
			return nil, fmt.Errorf("-benchfmt %s: it is a folder", o.benchfmt)
		}
	}
	if *tags != "" {
		o.tags = strings.Split(*tags, ",")
	}
	for _, tag := range o.tags {
		if !slices.Contains(knownTags, tag) {
			return nil, fmt.Errorf("-tags: unknown tag %q: there are %s", tag, strings.Join(knownTags, ", "))
		}
	}
	if *short {
		o.set(given, shortPlan, 3, 30*time.Millisecond, 110*time.Second, 2_000_000, 100_000, 2*time.Second)
	} else {
		o.set(given, fullPlan, 5, 80*time.Millisecond, 19*time.Minute, 20_000_000, 1_000_000, 20*time.Second)
		o.keep = o.out == "" && o.run == nil && o.impl == nil
	}
	for name, d := range map[string]time.Duration{"limit": o.limit, "wait": o.wait} {
		if d < 0 {
			return nil, fmt.Errorf("-%s %v: no time is negative", name, d)
		}
	}
	return o, nil
}

// noImpl matches no allocator, and is meant to.
const noImpl = "none"

// knownTags are those by which spanheap is built otherwise.
var knownTags = []string{"spanheap_debug", "spanheap_portable"}

// set fills in the plan's values for the flags that were not given.
func (o *options) set(given map[string]bool, plan string, rounds int, measure, limit time.Duration, live, retain int, wait time.Duration) {
	o.plan = plan
	if !given["rounds"] {
		o.rounds = rounds
	}
	if !given["time"] {
		o.time = measure
	}
	if !given["limit"] {
		o.limit = limit
	}
	if o.live < 0 {
		o.live = live
	}
	if o.retain < 0 {
		o.retain = retain
	}
	if !given["wait"] {
		o.wait = wait
	}
}

func pattern(name, text string) (*regexp.Regexp, error) {
	if text == "" {
		return nil, nil
	}
	r, err := regexp.Compile(text)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return r, nil
}

// impls returns the allocators of the plan, spanheap first.
func (o *options) impls() []*suite.Impl {
	var chosen []*suite.Impl
	for _, i := range suite.Impls() {
		if matches(o.impl, i.Name) || i.Name == suite.Spanheap {
			chosen = append(chosen, i)
		}
	}
	if o.baseline != "" {
		chosen = slices.Insert(chosen, 1, suite.NewBaseline(o.baseline))
	}
	return chosen
}

func (o *options) cells() []suite.Cell {
	if o.plan == shortPlan {
		return suite.ShortCells()
	}
	return suite.FullCells()
}

func (o *options) traceFiles(module string) ([]suite.TraceFile, error) {
	if o.traces != "" {
		files, err := suite.FindTraces(o.traces)
		if err != nil {
			return nil, fmt.Errorf("-traces: %w", err)
		}
		return files, nil
	}
	return suite.SmallTraces(filepath.Join(module, smallTraces)), nil
}

// requireWritable returns an error if what -out and -benchfmt name cannot be written to, before anything is measured. A folder
// is made, a file is left as it is.
func (o *options) requireWritable() error {
	if o.out != "" {
		if err := os.MkdirAll(o.out, 0o755); err != nil {
			return fmt.Errorf("-out: %w", err)
		}
	}
	if o.benchfmt == "" {
		return nil
	}
	_, missing := os.Stat(o.benchfmt)
	f, err := os.OpenFile(o.benchfmt, os.O_WRONLY|os.O_CREATE, 0o644)
	if err != nil {
		return fmt.Errorf("-benchfmt: %w", err)
	}
	if missing != nil {
		os.Remove(o.benchfmt)
	}
	return f.Close()
}

// requireWorker returns an error if the baseline is no worker.
func (o *options) requireWorker(ctx context.Context) error {
	if o.baseline == "" {
		return nil
	}
	out, err := exec.CommandContext(ctx, o.baseline, "numbers").Output()
	if err != nil || !strings.HasPrefix(string(out), "numbers=") {
		return fmt.Errorf("-baseline %s: it is no build of ./cmd/worker", o.baseline)
	}
	return nil
}
