package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spanheap/spanheap"
)

const (
	maxThreads = 64
	maxRounds  = 1_000_000
	maxSettle  = time.Hour
)

var replayCommand = command{
	name:    "replay",
	args:    "[-threads N] [-rounds N] [-max-memory SIZE] [-settle D] [-chart] [-svg FILE] [-verify N] [-json] [-rows N] FILE...",
	summary: "replay heap traces: time, resident memory over time, where the bytes are",
	details: `Replays heap traces of real programs. Every thread makes all calls of the trace on blocks of its
own, and touches each block: its first 64 bytes and a byte of each 4 KiB. Decoding is not timed,
Go's collector is off. Between rounds what the program never freed is freed.

Printed are the time per event and the highest resident memory above the level before the first
event of the first round, also as a multiple of the peak of live requested bytes. Where the system
does not tell that, or the process shrank in that round, the heap's own count of its backed memory at
the peak is printed.
A pass that is not timed, on a heap of its own, then stops at that peak and after the last free to
see where the bytes are. Another looks at the resident memory and the live bytes on its way, and goes
on looking after the last free for the time of -settle, in which it does not call the heap: what the
heap gives back by itself. A terminal shows that as a chart. Every heap is verified at its end. With -verify N
one more pass stops all threads after every N events each, to verify its heap there: the first event
behind which something is broken is at most N before the one that is named. That takes a walk over all
of the heap each time.

A FILE of - is standard input. A FILE that cannot be replayed is reported, the others are replayed,
and the exit code is 1. Reported are files that are no sound trace, and traces that need more than
-max-memory for the live blocks and the tables of all threads; they are refused before the first
call. Events and blocks are numbered from 0.
` + undetectable,
	setup: func(flags *flag.FlagSet) action {
		var o replayOptions
		flags.IntVar(&o.threads, "threads", 1, fmt.Sprintf("replay on `N` goroutines at once, 1 to %d", maxThreads))
		flags.IntVar(&o.rounds, "rounds", 5, fmt.Sprintf("replay `N` times, 1 to %d", maxRounds))
		flags.IntVar(&o.verify, "verify", 0, "verify a heap after every `N` events of each thread, in a pass of its own, and after every\nround and at the peak; 0 is at the ends only")
		flags.Var((*byteCount)(&o.maxMemory), "max-memory", fmt.Sprintf("refuse traces that need more than `SIZE`, as 500MB or 4GiB "+
			"(default three quarters of the\nmemory available, %s where the system does not tell)", size(unknownMemory)))
		flags.DurationVar(&o.settle, "settle", time.Second, fmt.Sprintf("look for this long, a `D` as 15s, at what stays resident after the last free, 0 to %v;\n0 is not at all. By the default rule all has gone after 10s and the work of it", maxSettle))
		flags.BoolVar(&o.chart, "chart", false, "draw the chart where standard output is no terminal, too")
		flags.StringVar(&o.svg, "svg", "", "write the chart as a picture to `FILE`; for one trace")
		asJSON := flags.Bool("json", false, jsonFlag)
		rows := flags.Int("rows", 6, rowsFlag)
		return func(s streams, files []string) error {
			switch {
			case len(files) == 0:
				return usagef("no trace to replay")
			case o.settle < 0 || o.settle > maxSettle:
				return usagef("-settle %v is not from 0 to %v", o.settle, maxSettle)
			case o.chart && *asJSON:
				return usagef("-chart and -json exclude each other: JSON has the chart's figures")
			case o.svg != "" && len(files) > 1:
				return usagef("-svg %s is for one trace, not %d", o.svg, len(files))
			case o.threads < 1 || o.threads > maxThreads:
				return usagef("-threads %d is not from 1 to %d", o.threads, maxThreads)
			case o.rounds < 1 || o.rounds > maxRounds:
				return usagef("-rounds %d is not from 1 to %d", o.rounds, maxRounds)
			case o.verify < 0:
				return usagef("-verify %d is negative", o.verify)
			case *rows < 0:
				return usagef("-rows %d is negative", *rows)
			}
			for i, file := range files {
				if file != "-" && strings.HasPrefix(file, "-") {
					return usagef("%s behind a file: flags go before the files", file)
				}
				if file == "-" && slices.Contains(files[:i], "-") {
					return usagef("- more than once: standard input can be read once")
				}
			}
			if o.maxMemory == 0 {
				o.maxMemory = defaultMaxMemory()
			}
			o.clock = systemClock
			o.progress = newProgress(s.err)
			if *asJSON {
				return replayJSON(s, files, o)
			}
			return replayText(s, files, o, *rows)
		}
	},
}

type replayOptions struct {
	threads, rounds int
	maxMemory       uint64 // bytes
	settle          time.Duration
	chart           bool
	svg             string // a file; empty for none
	verify          int    // events of each thread; 0 for none
	clock           clock
	progress        progress
}

// A replay is what came of one trace.
type replay struct {
	File              string         `json:"file"`
	Threads           int            `json:"threads"`
	Rounds            int            `json:"rounds"`
	Events            int            `json:"events"`
	Blocks            int            `json:"blocks"`
	PeakLive          uint64         `json:"peak_live"` // of one thread
	NsPerEventBest    float64        `json:"ns_per_event_best"`
	NsPerEventMedian  float64        `json:"ns_per_event_median"`
	Resident          uint64         `json:"rss"`
	ResidentFromStats bool           `json:"rss_from_stats"` // the system does not tell: backed bytes at the peak
	ResidentOverLive  float64        `json:"rss_over_live"`  // of all threads; 0 when nothing is ever live
	Verifications     int            `json:"verifications"`  // between events
	History           history        `json:"history"`
	StatsPeak         spanheap.Stats `json:"stats_peak"`
	StatsEnd          spanheap.Stats `json:"stats_end"`
}

// replayJSON writes one object for all traces that could be replayed, or nothing if none could.
func replayJSON(s streams, files []string, o replayOptions) error {
	all := struct {
		Schema  int      `json:"schema"`
		Replays []replay `json:"replays"`
	}{schema, []replay{}}
	failed := eachReplay(s, files, o, func(r replay) error {
		all.Replays = append(all.Replays, r)
		return nil
	})
	if len(all.Replays) == 0 {
		return failed
	}
	return errors.Join(failed, writeJSON(s.out, all))
}

// replayText writes about each trace as soon as it was replayed.
func replayText(s streams, files []string, o replayOptions, rows int) error {
	separator := ""
	drawn := o.chart || isTerminal(s.out)
	return eachReplay(s, files, o, func(r replay) error {
		var b bytes.Buffer
		b.WriteString(separator)
		separator = "\n"
		r.write(&b, rows, drawn)
		_, err := s.out.Write(b.Bytes())
		return err
	})
}

// eachReplay hands every trace's replay to done, and joins the errors of those that failed.
func eachReplay(s streams, files []string, o replayOptions, done func(replay) error) error {
	var failed []error
	for _, file := range files {
		o.progress.show("%s: decoding", title(file))
		t, err := readTrace(s, file)
		var r replay
		if err == nil {
			if err = o.checkMemory(t); err == nil {
				r, err = measure(t, file, o)
			}
			if err == nil && o.svg != "" {
				err = r.writeSVG(o.svg)
			}
			if err != nil {
				err = of(file, err)
			}
		}
		o.progress.erase()
		if err == nil {
			err = done(r)
		}
		failed = append(failed, err)
	}
	return errors.Join(failed...)
}

func (r replay) write(b *bytes.Buffer, rows int, drawn bool) {
	fmt.Fprintf(b, "%s: %s, %s, peak live %s bytes (%s), on %s\n\n",
		title(r.File), plural(uint64(r.Events), "event", "events"), plural(uint64(r.Blocks), "block", "blocks"), count(r.PeakLive), size(r.PeakLive), threads(r.Threads))
	fmt.Fprintf(b, "time      %.2f ns/event best, %.2f median of %s\n", r.NsPerEventBest, r.NsPerEventMedian, rounds(r.Rounds))
	if r.ResidentFromStats {
		fmt.Fprintf(b, "backed    %s bytes (%s), %.3f of peak live; the system did not tell what of it is resident\n",
			count(r.Resident), size(r.Resident), r.ResidentOverLive)
	} else {
		fmt.Fprintf(b, "resident  %s bytes (%s), %.3f of peak live\n", count(r.Resident), size(r.Resident), r.ResidentOverLive)
	}
	r.History.writeEnd(b)
	between := ""
	if r.Verifications > 0 {
		between = fmt.Sprintf(", one of them %s during a play", times(r.Verifications))
	}
	fmt.Fprintf(b, "verified  all heaps recounted%s, every sum closes\n\n", between)
	if drawn {
		writeChart(b, r.History, newPencil())
	}
	writeReport(b, "At the peak of live bytes", r.StatsPeak, rows)
	fmt.Fprintln(b)
	writeReport(b, "After the last free", r.StatsEnd, rows)
}

func threads(n int) string {
	if n == 1 {
		return "1 thread"
	}
	return fmt.Sprintf("%d threads", n)
}

func rounds(n int) string {
	if n == 1 {
		return "1 round"
	}
	return fmt.Sprintf("%d rounds", n)
}

func times(n int) string {
	if n == 1 {
		return "once"
	}
	return count(n) + " times"
}
