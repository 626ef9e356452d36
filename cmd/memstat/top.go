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
one before, with lines cut to its width; elsewhere they follow each other, and with -json each is an object. It
ends with the process.

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
			if err := follow(seen, *looks, *interval, systemClock, t.show); !errors.Is(err, errOver) {
				return err
			}
			if !t.json {
				_, err = fmt.Fprintf(s.out, "%s: it has ended, or has no heap any more.\n", t.title)
				return err
			}
			return nil
		}
	},
}

// shortestInterval is about how often a process writes its page.
const shortestInterval = 100 * time.Millisecond

// errOver ends a series of looks at a process that has ended, or has no open heap any more.
var errOver = errors.New("the process has ended")

// follow has show look at a target so many times, or without end, until it returns an error: errOver when the process
// was there before.
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
			return errOver
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
	before totals
	title  string // of the target
}

// totals are what is known of the blocks that were allocated and freed, by a look and those before it.
type totals struct {
	at      time.Time // when the process wrote its page; zero before the first look
	all     statpage.Heap
	classes map[uint64]classTotals // of classes that have no spans any more, too
}

type classTotals struct {
	at             time.Time
	mallocs, frees uint64
}

// topLook is one look, with rates since the one before it.
type topLook struct {
	Schema  int     `json:"schema"`
	PID     int     `json:"pid"`
	Program string  `json:"program,omitempty"`
	Age     float64 `json:"age_seconds"`
	RSS     uint64  `json:"rss,omitempty"`

	*rates // nil in the first look

	Stats spanheap.Stats   `json:"stats"`
	Rates map[string]rates `json:"rates"` // by the class's name

	title string
}

type rates struct {
	Mallocs float64 `json:"mallocs_per_second"`
	Frees   float64 `json:"frees_per_second"`
}

// A picture is drawn from the upper left corner of an empty screen, by a terminal that meanwhile cuts lines that are
// longer than its own.
const (
	beginPicture = "\x1b[?7l\x1b[H\x1b[2J"
	endPicture   = "\x1b[?7h"
)

func (t *top) show(p sight) error {
	t.title = p.title
	l := t.before.look(p, time.Now())
	if t.json {
		return writeJSON(t.s.out, l)
	}
	text := l.text(t.rows)
	if t.redraw {
		text = slices.Concat([]byte(beginPicture), text, []byte(endPicture))
	} else {
		text = append(text, '\n')
	}
	_, err := t.s.out.Write(text)
	return err
}

// look returns a look, with rates since the one before it, and adds it to the totals. A class has rates from its
// second look on.
func (t *totals) look(p sight, now time.Time) topLook {
	total := totalOf(p.page)
	l := topLook{
		Schema: schema, PID: p.pid, Program: p.program, Age: p.age(now).Seconds(), RSS: p.resident(),
		title: p.title, Stats: statsOf(&total), Rates: map[string]rates{},
	}
	at, before := p.page.Process.WrittenAt(), *t
	if !before.at.IsZero() {
		r := ratesOf(at.Sub(before.at), total.Mallocs-before.all.Mallocs, total.Frees-before.all.Frees)
		l.rates = &r
	}
	t.at, t.all = at, total
	if !p.local() {
		return l // handlers do not tell the blocks of each class
	}
	if t.classes == nil {
		t.classes = map[uint64]classTotals{}
	}
	for i := range total.Rows {
		row := &total.Rows[i]
		if was, known := t.classes[row.Class]; known {
			l.Rates[className(row.Class)] = ratesOf(at.Sub(was.at), row.Mallocs-was.mallocs, row.Frees-was.frees)
		}
		t.classes[row.Class] = classTotals{at, row.Mallocs, row.Frees}
	}
	return l
}

// ratesOf returns how many blocks there were a second: none on a page that was not written anew, and where a count went
// back, as that of a heap which was closed does.
func ratesOf(passed time.Duration, mallocs, frees uint64) rates {
	if passed <= 0 {
		return rates{}
	}
	perSecond := func(n uint64) float64 { return float64(max(int64(n), 0)) / passed.Seconds() }
	return rates{perSecond(mallocs), perSecond(frees)}
}

func (l *topLook) text(rows int) []byte {
	var b bytes.Buffer
	s := &l.Stats
	rest := s.Backed - min(s.Live, s.Backed)
	fmt.Fprintf(&b, "%s: written %s\n", l.title, ago(l.Age))
	if l.RSS > 0 {
		fmt.Fprintf(&b, "resident %s, ", size(l.RSS))
	}
	fmt.Fprintf(&b, "backed %s, live %s in %s, the rest %s (%s of backed)\n",
		size(s.Backed), size(s.Live), plural(s.LiveBlocks, "block", "blocks"), size(rest), percent(rest, s.Backed))
	fmt.Fprintf(&b, "free pages %s, metadata %s, given back %s", size(s.FreePages), size(s.Metadata), size(s.Released))
	if l.rates != nil {
		fmt.Fprintf(&b, "; %s allocated, %s freed", perSecond(l.Mallocs), perSecond(l.Frees))
	}
	b.WriteString("\n\n")
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
