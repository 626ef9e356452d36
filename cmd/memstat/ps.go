package main

import (
	"bytes"
	"flag"
	"fmt"
	"time"
)

var psCommand = command{
	name:    "ps",
	args:    "[-json]",
	summary: "the running processes whose heaps can be looked into",
	details: `Lists the processes of the same user, or of all for root, that have a heap of spanheap's open: their
number, program, open heaps, what lives in them, what they have backed, what is resident of the process,
and how old these figures are. Linux only.`,
	setup: func(flags *flag.FlagSet) action {
		asJSON := flags.Bool("json", false, jsonFlag)
		return func(s streams, args []string) error {
			if err := noArguments(args); err != nil {
				return err
			}
			all, err := processes()
			if err != nil {
				return err
			}
			list := listing{Schema: schema, Processes: []listedProcess{}}
			for _, p := range all {
				list.Processes = append(list.Processes, listed(p, time.Now()))
			}
			if *asJSON {
				return writeJSON(s.out, list)
			}
			_, err = s.out.Write(list.text())
			return err
		}
	},
}

type listing struct {
	Schema    int             `json:"schema"`
	Processes []listedProcess `json:"processes"`
}

type listedProcess struct {
	PID     int     `json:"pid"`
	Program string  `json:"program"`
	Heaps   uint64  `json:"open_heaps"`
	Live    uint64  `json:"live"`
	Backed  uint64  `json:"backed"`
	RSS     uint64  `json:"rss"`
	Age     float64 `json:"age_seconds"`
}

func listed(p sight, now time.Time) listedProcess {
	total := totalOf(p.page)
	return listedProcess{
		PID: p.pid, Program: p.program, Heaps: p.page.Process.OpenHeaps, Live: total.Live, Backed: total.Backed,
		RSS: p.resident(), Age: p.age(now).Seconds(),
	}
}

func (l listing) text() []byte {
	var b bytes.Buffer
	if len(l.Processes) == 0 {
		fmt.Fprintln(&b, "No process of yours has an open heap that can be looked into.")
		return b.Bytes()
	}
	t := newTable(&b, len("1234567"))
	t.rowWith("program", "pid", "heaps", "live", "backed", "resident", "written")
	for _, p := range l.Processes {
		t.rowWith(p.Program, fmt.Sprint(p.PID), count(p.Heaps), size(p.Live), size(p.Backed), size(p.RSS), ago(p.Age))
	}
	t.flush()
	return b.Bytes()
}

// ago returns a time in seconds as people say it.
func ago(seconds float64) string {
	if seconds < 60 {
		return fmt.Sprintf("%.1f s ago", seconds)
	}
	return time.Duration(seconds*float64(time.Second)).Round(time.Second).String() + " ago"
}
