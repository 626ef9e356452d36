package main

import (
	"bytes"
	"errors"
	"flag"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/statpage"
)

var topCommand = command{
	name:    "top",
	args:    "[-json] [-n N] [-interval D] [-rows N] TARGET",
	mixed:   true,
	summary: "the size classes of a running process, the most wasteful first, as they change",
	details: `Shows again and again what a process has resident, live and wasted, how many blocks it allocates and frees
each second, and the size classes of all its heaps that waste most. On a terminal each look replaces the
one before; elsewhere they follow each other, and with -json each is an object. It ends with the process.

` + targets,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		looks := flags.Int("n", 0, "end after `N` looks; 0 for no end")
		interval := flags.Duration("interval", time.Second, "the time between two looks")
		rows := flags.Int("rows", 15, rowsFlag)
		return func(s streams, args []string) error {
			switch {
			case *looks < 0:
				return usagef("-n %d is negative", *looks)
			case *rows < 0:
				return usagef("-rows %d is negative", *rows)
			case *interval < shortestInterval:
				return usagef("-interval %v is shorter than %v", *interval, shortestInterval)
			}
			seen, err := targetOf(args)
			if err != nil {
				return err
			}
			t := top{s: s, json: *asJSON, rows: *rows, redraw: isTerminal(s.out) && os.Getenv("TERM") != "dumb"}
			return follow(seen, *looks, *interval, systemClock, t.show)
		}
	},
}

// shortestInterval is about how often a process writes its page.
const shortestInterval = 100 * time.Millisecond

// follow has show look at a target so many times, or without end, until the process ends. That is an error
// only if it was never there.
func follow(t target, looks int, interval time.Duration, c clock, show func(sight) error) error {
	p, err := t.look()
	if err != nil {
		return err
	}
	for n := 1; ; n++ {
		if err := show(p); err != nil || n == looks {
			return err
		}
		c.sleep(interval)
		p, err = t.look()
		if errors.Is(err, errNoProcess) || errors.Is(err, errNoProcPage) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// top shows one look after the other.
type top struct {
	s      streams
	json   bool
	rows   int
	redraw bool
	before *statpage.Page
}

// topLook is one look, with rates since the one before it.
type topLook struct {
	Schema  int     `json:"schema"`
	PID     int     `json:"pid"`
	Program string  `json:"program,omitempty"`
	Age     float64 `json:"age_seconds"`
	RSS     uint64  `json:"rss,omitempty"`
	rates
	Stats spanheap.Stats   `json:"stats"`
	Rates map[string]rates `json:"rates"` // by the class's name

	title string
}

type rates struct {
	Mallocs float64 `json:"mallocs_per_second"`
	Frees   float64 `json:"frees_per_second"`
}

const home = "\x1b[H\x1b[2J" // the cursor goes to the upper left corner of an empty screen

func (t *top) show(p sight) error {
	l := newTopLook(p, t.before, time.Now())
	t.before = p.page
	if t.json {
		return writeJSON(t.s.out, l)
	}
	text := l.text(t.rows)
	if t.redraw {
		text = append([]byte(home), text...)
	} else {
		text = append(text, '\n')
	}
	_, err := t.s.out.Write(text)
	return err
}

// newTopLook returns a look at what had another page before, or nil.
func newTopLook(p sight, before *statpage.Page, now time.Time) topLook {
	total := totalOf(p.page)
	l := topLook{
		Schema: schema, PID: p.pid, Program: p.program, Age: p.age(now).Seconds(), RSS: p.resident(),
		title: p.title, Stats: statsOf(&total), Rates: map[string]rates{},
	}
	if before == nil || before.Process.Written >= p.page.Process.Written {
		return l
	}
	old := totalOf(before)
	seconds := p.page.Process.WrittenAt().Sub(before.Process.WrittenAt()).Seconds()
	rate := func(before, now uint64) float64 { return float64(now-min(before, now)) / seconds }
	l.rates = rates{rate(old.Mallocs, total.Mallocs), rate(old.Frees, total.Frees)}
	for i := range total.Rows {
		if !p.local() {
			break // handlers do not tell the blocks of each class
		}
		row := &total.Rows[i]
		was := rowOf(&old, row.Class)
		l.Rates[className(row.Class)] = rates{rate(was.Mallocs, row.Mallocs), rate(was.Frees, row.Frees)}
	}
	return l
}

// rowOf returns the heap's row of a class, or an empty one.
func rowOf(h *statpage.Heap, class uint64) statpage.Row {
	if i := slices.IndexFunc(h.Rows, func(r statpage.Row) bool { return r.Class == class }); i >= 0 {
		return h.Rows[i]
	}
	return statpage.Row{}
}

func (l *topLook) text(rows int) []byte {
	var b bytes.Buffer
	s := &l.Stats
	waste := s.Backed - min(s.Live, s.Backed)
	fmt.Fprintf(&b, "%s: written %s\n", l.title, ago(l.Age))
	if l.RSS > 0 {
		fmt.Fprintf(&b, "resident %s, ", size(l.RSS))
	}
	fmt.Fprintf(&b, "backed %s, live %s in %s, waste %s (%s of backed)\n",
		size(s.Backed), size(s.Live), plural(s.LiveBlocks, "block", "blocks"), size(waste), percent(waste, s.Backed))
	fmt.Fprintf(&b, "free pages %s, metadata %s, given back %s; %s allocated, %s freed\n\n",
		size(s.FreePages), size(s.Metadata), size(s.Released), perSecond(l.Mallocs), perSecond(l.Frees))
	t := newTable(&b, len("large"))
	t.row("class", "slot", "spans", "used", "live", "waste", "of spans", "allocated", "freed")
	for i, c := range worstFirst(s.Classes) {
		if rows > 0 && i == rows {
			break
		}
		allocated, freed := "-", "-"
		if r, known := l.Rates[c.Name]; known {
			allocated, freed = perSecond(r.Mallocs), perSecond(r.Frees)
		}
		t.row(c.Name, orNothing(c.Size), count(c.Spans), count(c.LiveSlots), size(c.Live), size(c.Waste()),
			percent(c.Waste(), c.SpanBytes), allocated, freed)
	}
	t.flush()
	return b.Bytes()
}

// perSecond returns a rate in whole numbers.
func perSecond(rate float64) string { return count(uint64(rate+0.5)) + "/s" }
