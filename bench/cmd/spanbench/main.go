// Spanbench measures spanheap beside other allocators and writes what came of it. README.md in this
// module's folder says how to read it. Run it from inside the module:
//
//	go run ./cmd/spanbench [flags]
package main

import (
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	err := run(ctx, os.Args[1:], os.Stdout, os.Stderr)
	switch {
	case errors.Is(err, flag.ErrHelp):
	case errors.Is(err, context.Canceled):
		fmt.Fprintln(os.Stderr, "spanbench: interrupted; nothing was written")
		stop()
		os.Exit(1)
	case err != nil:
		fmt.Fprintf(os.Stderr, "spanbench: %v\n", err)
		stop()
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string, out, errs io.Writer) error {
	started := time.Now()
	o, err := parse(args, errs)
	if err != nil {
		return err
	}
	module, err := moduleDir(ctx)
	if err != nil {
		return err
	}
	traces, err := o.traceFiles(module)
	if err != nil {
		return err
	}
	chosen := o.listing(traces)
	switch {
	case len(chosen.Rows) == 0:
		return fmt.Errorf("-run %s: none of this run's rows has such a name; -list with the same flags, but for -run, shows them", o.run)
	case o.list:
		return chosen.write(out, o.json)
	}
	if err := o.requireWorker(ctx); err != nil {
		return err
	}
	scratch, err := os.MkdirTemp("", "spanbench")
	if err != nil {
		return err
	}
	defer os.RemoveAll(scratch)
	if err := o.requireWritable(); err != nil {
		return err
	}
	p := newProgress(errs, started, o.limit)
	defer p.erase()
	builder := &suite.Builder{Dir: scratch, Module: module, Tags: o.tags, Say: p.say}
	ready, notes, err := builder.Build(ctx, o.impls())
	if err != nil {
		return err
	}
	for _, text := range notes {
		p.note(text)
	}
	s := &suite.Suite{
		Impls: ready, Cells: o.cells(), Traces: traces, Scratch: scratch, Live: o.live, Retain: o.retain, Wait: o.wait,
		Rounds: o.rounds, Time: o.time, Limit: o.limit, Only: o.run, Pin: o.pin, Started: started, Step: p.step,
	}
	machine := report.ThisMachine(ctx)
	p.begin()
	outcome, err := s.Run(ctx)
	if err != nil {
		return err
	}
	p.erase()
	outcome.Notes = slices.Concat(notes, outcome.Notes)
	if len(outcome.Rows)+len(outcome.Traces)+len(outcome.Collector)+len(outcome.Retention)+len(outcome.Release) == 0 {
		return fmt.Errorf("nothing was measured: %s", strings.Join(append(outcome.Notes, "-list shows what there is"), "; "))
	}
	r := &report.Results{
		Schema: report.Schema, Date: started.UTC().Truncate(time.Second), Commit: report.Commit(ctx, module), Machine: machine,
		Settings: report.Settings{
			Plan: o.plan, Milliseconds: float64(o.time.Milliseconds()), Rounds: o.rounds,
			Seconds: time.Since(started).Seconds(), Tags: strings.Join(o.tags, ","),
		},
		Outcome: *outcome,
	}
	for _, i := range ready {
		r.Impls = append(r.Impls, *i)
	}
	r.Targets = report.Targets(outcome)
	if err := o.write(r, module, out); err != nil || o.plan != shortPlan {
		return err
	}
	if len(guardedRows(r)) == 0 {
		p.note("nothing is guarded: of the rows that are, none was measured beside make or modernc-mutex")
	}
	return guard(r, func(cells []suite.Cell) (*report.Results, error) { return measureAgain(ctx, *s, p, cells) })
}

// write writes the results to where they were asked for.
func (o *options) write(r *report.Results, module string, out io.Writer) (err error) {
	if o.json {
		if err := r.WriteJSON(out); err != nil {
			return err
		}
	} else if err := to(out, r.WriteText); err != nil {
		return err
	}
	if o.benchfmt != "" {
		defer func() { err = errors.Join(err, toFile(o.benchfmt, r.WriteBenchmarks)) }()
	}
	dir := o.out
	if o.keep {
		dir = filepath.Join(module, keptResults)
	}
	if dir == "" {
		return nil
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return err
	}
	plots, err := r.WritePlots(dir)
	if err != nil {
		return err
	}
	var failed error
	err = toFile(filepath.Join(dir, "results.json"), func(w io.Writer) { failed = r.WriteJSON(w) })
	return errors.Join(failed, err,
		toFile(filepath.Join(dir, "results.md"), func(w io.Writer) { r.WriteMarkdown(w, plots) }))
}

// to writes to out at once, and tells what kept it from that.
func to(out io.Writer, write func(io.Writer)) error {
	_, err := out.Write(written(write))
	return err
}

func toFile(name string, write func(io.Writer)) error {
	return os.WriteFile(name, written(write), 0o644)
}

func written(write func(io.Writer)) []byte {
	var text bytes.Buffer
	write(&text)
	return text.Bytes()
}

// moduleDir returns this module's folder. The workers are built there.
func moduleDir(ctx context.Context) (string, error) {
	const path = "github.com/spanheap/spanheap/bench"
	output, err := exec.CommandContext(ctx, "go", "list", "-m", "-f", "{{.Dir}}", path).Output()
	dir := strings.TrimSpace(string(output))
	if exit := (*exec.ExitError)(nil); errors.As(err, &exit) && len(exit.Stderr) > 0 {
		err = errors.New(strings.TrimSpace(string(exit.Stderr)))
	}
	if err == nil && dir == "" {
		err = errors.New("it has no folder")
	}
	if err != nil {
		return "", fmt.Errorf("run it inside the module %s, whose workers it builds: %w", path, err)
	}
	return dir, nil
}

func matches(r *regexp.Regexp, name string) bool { return r == nil || r.MatchString(name) }
