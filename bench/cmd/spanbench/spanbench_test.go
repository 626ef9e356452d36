package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"io"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/bench/report"
	"github.com/spanheap/spanheap/bench/suite"
)

func parsed(t *testing.T, args ...string) *options {
	o, err := parse(args, io.Discard)
	require.NoError(t, err)
	return o
}

func TestOnlyAFullRunOfEverythingIsKept(t *testing.T) {
	require.True(t, parsed(t).keep)
	for _, args := range [][]string{{"-short"}, {"-run", "pair"}, {"-impl", "make"}, {"-out", "elsewhere"}} {
		require.False(t, parsed(t, args...).keep, "%q", args)
	}
}

func TestFlagsOverrideThePlan(t *testing.T) {
	o := parsed(t, "-short", "-rounds", "7", "-time", "1ms", "-live", "0")
	require.Equal(t, 7, o.rounds)
	require.Equal(t, time.Millisecond, o.time)
	require.Zero(t, o.live)
	require.Equal(t, 3*time.Second, parsed(t, "-wait", "3s").wait)
	require.Zero(t, parsed(t, "-retain", "0").retain)
	require.Positive(t, o.retain)
	require.Equal(t, suite.ShortCells(), o.cells())
	require.Equal(t, suite.FullCells(), parsed(t).cells())
}

func TestSpanheapIsAlwaysMeasured(t *testing.T) {
	impls := parsed(t, "-impl", "^make$", "-baseline", "main.go").impls()
	var names []string
	for _, i := range impls {
		names = append(names, i.Name)
	}
	require.Equal(t, []string{suite.Spanheap, suite.Baseline, suite.Make}, names)
}

func TestWrongFlagsAreRefused(t *testing.T) {
	for want, args := range map[string][]string{
		"-run: error parsing":  {"-run", "("},
		"-impl: error parsing": {"-impl", "("},
		`unknown argument "x"`: {"x"},
		"-rounds -1":           {"-rounds", "-1"},
		"-rounds 0":            {"-rounds", "0"},
		"-time 0s":             {"-time", "0s"},
		"-impl jemaloc":        {"-impl", "jemaloc"},
		"-benchfmt: stat":      {"-benchfmt", "no/such/file"},
		"it is a folder":       {"-benchfmt", "."},
		"-live -5":             {"-live", "-5"},
		"-retain -2":           {"-retain", "-2"},
		"no such file":         {"-baseline", "no/such/worker"},
		"-wait -1s":            {"-wait", "-1s"},
		"-help shows":          {"-fast"},
		`unknown tag "fast"`:   {"-tags", "spanheap_debug,fast"},
	} {
		var errs bytes.Buffer
		_, err := parse(args, &errs)
		require.ErrorContains(t, err, want)
		require.Empty(t, errs.String(), "the reason alone is what one looks for")
	}
}

func TestHelpShowsTheFlags(t *testing.T) {
	var errs bytes.Buffer
	_, err := parse([]string{"-help"}, &errs)
	require.ErrorIs(t, err, flag.ErrHelp)
	require.Contains(t, errs.String(), "-benchfmt file")
}

func TestNoTimeIsATimeToo(t *testing.T) {
	require.Equal(t, 20*time.Second, parsed(t).wait)
	require.Equal(t, 19*time.Minute, parsed(t).limit)
	o := parsed(t, "-wait", "0s", "-limit", "0s")
	require.Zero(t, o.wait)
	require.Zero(t, o.limit)
}

// full is a place that takes nothing more.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

func TestWhatCannotBePrintedIsAnError(t *testing.T) {
	require.ErrorContains(t, run(context.Background(), []string{"-list"}, full{}, io.Discard), "no space left")
	require.ErrorContains(t, run(context.Background(), []string{"-list", "-json"}, full{}, io.Discard), "no space left")
	for _, args := range [][]string{{"-short"}, {"-short", "-json"}} {
		require.ErrorContains(t, parsed(t, args...).write(shortRun(suite.GuardCells()[0], 9), "", full{}), "no space left")
	}
}

// What would spoil a run is told before anything is built.
func TestARunThatCannotBeIsRefusedAtOnce(t *testing.T) {
	for want, args := range map[string][]string{
		"-run nothing: none of this run's rows": {"-run", "nothing"},
		"-traces: stat no/such":                 {"-traces", "no/such"},
		"-run ^release$: none of":               {"-run", "^release$", "-retain", "0"},
		"-benchfmt: open /dev/full/x":           {"-benchfmt", "/dev/full/x"},
		"-out: mkdir /dev/null":                 {"-out", "/dev/null/x"},
		"options.go: it is no build":            {"-baseline", "options.go"},
	} {
		require.ErrorContains(t, run(context.Background(), args, io.Discard, io.Discard), want)
	}
}

func TestListNamesImplsAndCells(t *testing.T) {
	var out bytes.Buffer
	require.NoError(t, run(context.Background(), []string{"-list", "-short"}, &out, io.Discard))
	require.Contains(t, out.String(), "impl=modernc-mutex")
	require.Contains(t, out.String(), "\npattern=pair/size=64/procs=2/fill=uninit\n")
	require.Contains(t, out.String(), "\ntrace=service\ncollector\nretention/freed=75\nretention/freed=100\nrelease\n")

	out.Reset()
	require.NoError(t, run(context.Background(), []string{"-list", "-run", "trace|release", "-impl", "none"}, &out, io.Discard))
	require.Regexp(t, `^impl=spanheap +Heap\..*\ntrace=compiler\ntrace=service\nrelease\n$`, out.String())

	out.Reset()
	require.NoError(t, run(context.Background(), []string{"-list", "-short", "-json"}, &out, io.Discard))
	var l listing
	require.NoError(t, json.Unmarshal(out.Bytes(), &l))
	require.Contains(t, l.Rows, "pattern=pair/size=64/procs=2/fill=uninit")
	require.Equal(t, suite.Spanheap, l.Impls[0].Name)
	require.NotEmpty(t, l.Impls[0].About)
}

// shortRun are the results of a short run where spanheap takes ns in a row, and its peers 10.
func shortRun(cell suite.Cell, ns float64) *report.Results {
	return &report.Results{
		Impls: []suite.Impl{{Name: suite.Spanheap}, {Name: suite.Modernc}, {Name: suite.Tcmalloc}},
		Outcome: suite.Outcome{Rows: []suite.Row{{
			Cell: cell,
			Values: map[string]suite.Spread{
				suite.Spanheap: suite.NewSpread([]float64{ns}), suite.Modernc: suite.NewSpread([]float64{10}), suite.Tcmalloc: suite.NewSpread([]float64{1}),
			},
		}}},
	}
}

// guarded is guard of a run that is the same when it is measured again.
func guarded(r *report.Results) error {
	return guard(r, func([]suite.Cell) (*report.Results, error) { return r, nil })
}

func TestAShortRunFailsOnlyWhenARatioIsGrosslyBroken(t *testing.T) {
	cell := suite.GuardCells()[0]
	require.NoError(t, guarded(shortRun(cell, 9)))
	require.EqualError(t, guarded(shortRun(cell, 11)),
		"grossly broken: pattern=pair/size=64/procs=1/fill=uninit: spanheap takes 1.10 times as long as modernc-mutex")
	cell = suite.GuardCells()[1]
	require.Equal(t, 2, cell.Procs)
	require.NoError(t, guarded(shortRun(cell, 4)))
	require.EqualError(t, guarded(shortRun(cell, 6)),
		"grossly broken: pattern=pair/size=64/procs=2/fill=uninit: spanheap takes 0.60 times as long as modernc-mutex")
	require.NoError(t, guarded(shortRun(suite.Cell{Pattern: "rptest", Procs: 2}, 31)))
	require.Len(t, guardedRows(shortRun(cell, 9)), 1)
	require.Empty(t, guardedRows(shortRun(suite.Cell{Pattern: "rptest", Procs: 2}, 9)))
	alone := shortRun(cell, 9)
	alone.Impls = []suite.Impl{{Name: suite.Spanheap}, {Name: suite.Tcmalloc}}
	require.Empty(t, guardedRows(alone))
	busy := shortRun(cell, 6)
	busy.Rows[0].Values[suite.Spanheap] = suite.NewSpread([]float64{4, 6, 6})
	require.NoError(t, guarded(busy), "other work makes some rounds slow")
}

func TestABrokenRatioIsMeasuredAgain(t *testing.T) {
	cell := suite.GuardCells()[0]
	var asked []suite.Cell
	second := func(ns float64) error {
		return guard(shortRun(cell, 15), func(cells []suite.Cell) (*report.Results, error) {
			asked = cells
			return shortRun(cell, ns), nil
		})
	}
	require.NoError(t, second(9))
	require.Equal(t, []suite.Cell{cell}, asked)
	require.ErrorContains(t, second(12), "1.20 times as long")
	require.ErrorIs(t, guard(shortRun(cell, 15), func([]suite.Cell) (*report.Results, error) { return nil, context.Canceled }), context.Canceled)
	require.NoError(t, guard(shortRun(cell, 9), nil), "nothing is measured again where nothing looks broken")
}

func TestAShortRunThatDidNotMeasureSpanheapFails(t *testing.T) {
	r := shortRun(suite.GuardCells()[0], 10)
	delete(r.Rows[0].Values, suite.Spanheap)
	require.ErrorContains(t, guarded(r), "beside modernc-mutex was not measured")
}

func TestProgressTellsOfALimitThatThereIs(t *testing.T) {
	for limit, want := range map[time.Duration]string{0: "3 of 9, 2m0s left", time.Minute: "at the limit of 1m0s", 90 * time.Second: "3 of 9, 30s left"} {
		var out bytes.Buffer
		p := newProgress(&out, time.Now().Add(-time.Minute), limit)
		p.began = p.started
		p.step(3, 9, "something")
		require.Contains(t, out.String(), want)
	}
}
