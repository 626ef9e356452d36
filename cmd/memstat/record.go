package main

import (
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"time"
)

var recordCommand = command{
	name:    "record",
	args:    "[-interval D] [-n N] [-profile-every N] -o FILE TARGET",
	mixed:   true,
	summary: "keep the series of a process's memory, for memstat plot",
	details: `Writes to FILE, a line of JSON for each look, what is resident of a process, taken apart, what lives in its
heaps and what is wasted, class by class. It goes on until the process ends, or handlers answer no more, or it is interrupted; what is
written by then is whole. With -profile-every a heap profile is kept beside every N-th look, as FILE.1.pb.gz
and so on, for go tool pprof -base: the handlers must be the target.

` + targets,
	setup: func(flags *flag.FlagSet) action {
		interval := flags.Duration("interval", time.Second, "the time between two looks")
		looks := flags.Int("n", 0, "end after `N` looks; 0 for no end")
		every := flags.Int("profile-every", 0, "keep a heap profile at every `N`-th look; 0 for none")
		name := flags.String("o", "", "the `FILE` that is written; - is standard output")
		return func(s streams, args []string) error {
			switch {
			case *name == "":
				return usagef("no -o FILE")
			case *looks < 0:
				return usagef("-n %d is negative", *looks)
			case *every < 0:
				return usagef("-profile-every %d is negative", *every)
			case *interval < shortestInterval:
				return usagef("-interval %v is shorter than %v", *interval, shortestInterval)
			}
			t, err := targetOf(args)
			if err != nil {
				return err
			}
			handlers, served := t.(*remote)
			if *every > 0 && !served {
				return usagef("-profile-every needs handlers, http://HOST:PORT or unix:PATH: a page has no profiles")
			}
			if *name == "-" {
				if *every > 0 {
					return usagef("-profile-every needs a FILE, to keep profiles beside")
				}
				r := recorder{file: s.out, now: systemClock.now}
				if err := follow(t, *looks, *interval, systemClock, r.keep); !errors.Is(err, errOver) {
					return err
				}
				return nil
			}
			file, err := os.Create(*name)
			if err != nil {
				return err
			}
			defer file.Close()
			r := recorder{file: file, name: *name, every: *every, handlers: handlers, now: systemClock.now}
			ended := follow(t, *looks, *interval, systemClock, r.keep)
			if errors.Is(ended, errOver) {
				ended = nil
			}
			if r.looks == 0 {
				return ended
			}
			if err := file.Close(); err != nil {
				return err
			}
			_, err = fmt.Fprintf(s.out, "%s in %s; memstat plot %s -svg OUT draws them\n", plural(uint64(r.looks), "look", "looks"), *name, *name)
			return errors.Join(ended, err)
		}
	},
}

// A recording is a line that says what it is of, and a line for each look.
type recordingHead struct {
	Schema int    `json:"schema"`
	Target string `json:"target"`
	Start  string `json:"start"`
}

// point is one look. What is resident is 0 where only the handlers were asked.
type point struct {
	Seconds float64 `json:"seconds"`     // since the first look
	Age     float64 `json:"age_seconds"` // of what the process wrote
	reconciliation
	Backed  uint64       `json:"backed"`
	Waste   uint64       `json:"waste"`
	Classes []pointClass `json:"classes"`
	Profile string       `json:"profile,omitempty"` // the file's name
}

type pointClass struct {
	Name  string `json:"name"`
	Live  uint64 `json:"live"`
	Waste uint64 `json:"waste"`
}

type recorder struct {
	file     io.Writer
	name     string
	every    int
	handlers *remote
	now      func() time.Time

	looks int
	start time.Time
}

// keep writes a look.
func (r *recorder) keep(p sight) error {
	now := r.now()
	if r.looks == 0 {
		r.start = now
		if err := r.write(recordingHead{schema, p.title, now.Format(time.RFC3339)}); err != nil {
			return err
		}
	}
	r.looks++
	x := point{Seconds: now.Sub(r.start).Seconds(), Age: p.age(now).Seconds(), reconciliation: countedBy(p.page), Classes: []pointClass{}}
	if p.local() {
		v, err := p.view()
		if err != nil {
			return err
		}
		x.reconciliation = reconcile(p.page, v)
	}
	x.Backed = x.backed()
	x.Waste = x.Backed - min(x.Live, x.Backed)
	total := totalOf(p.page)
	for _, c := range statsOf(&total).Classes {
		x.Classes = append(x.Classes, pointClass{c.Name, c.Live, c.Waste()})
	}
	if r.every > 0 && (r.looks-1)%r.every == 0 {
		profile, _, err := r.handlers.profile(0)
		if err != nil {
			return err
		}
		x.Profile = fmt.Sprintf("%s.%d.pb.gz", r.name, (r.looks-1)/r.every+1)
		if err := os.WriteFile(x.Profile, profile, 0o666); err != nil {
			return err
		}
	}
	return r.write(x)
}

// write writes a line, at once.
func (r *recorder) write(object any) error {
	line, err := json.Marshal(object)
	if err != nil {
		return err
	}
	_, err = r.file.Write(append(line, '\n'))
	return err
}
