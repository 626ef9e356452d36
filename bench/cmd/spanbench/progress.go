package main

import (
	"fmt"
	"io"
	"os"
	"time"
)

// A progress says on which measurement the run is: on a terminal on one line that is written over, else
// on a line every quarter of a minute.
type progress struct {
	out      io.Writer
	terminal bool
	started  time.Time     // the run
	limit    time.Duration // of the run; 0: none
	began    time.Time     // of the measurements
	last     time.Time     // of a line that is not written over
}

const lineEvery = 15 * time.Second

func newProgress(w io.Writer, started time.Time, limit time.Duration) *progress {
	p := &progress{out: w, started: started, limit: limit}
	if file, ok := w.(*os.File); ok {
		info, err := file.Stat()
		p.terminal = err == nil && info.Mode()&os.ModeCharDevice != 0
	}
	return p
}

// begin starts the clock by which the rest of the time is guessed.
func (p *progress) begin() { p.began = time.Now() }

func (p *progress) say(format string, args ...any) {
	switch {
	case p.terminal:
		fmt.Fprintf(p.out, "\r\x1b[K"+format, args...)
	case time.Since(p.last) >= lineEvery:
		p.last = time.Now()
		fmt.Fprintf(p.out, format+"\n", args...)
	}
}

// note says what stays to be read.
func (p *progress) note(text string) {
	p.erase()
	fmt.Fprintln(p.out, "note:", text)
}

func (p *progress) step(done, total int, what string) {
	if done == 0 {
		p.say("%s", what)
		return
	}
	// The first measurements are the longest, and a round that would end behind the limit is not begun.
	left := time.Since(p.began) / time.Duration(done) * time.Duration(total-done)
	if p.limit > 0 {
		limit := p.limit - time.Since(p.started)
		if limit <= 0 {
			p.say("%d of %d, at the limit of %v: the last round  %s", done, total, p.limit, what)
			return
		}
		left = min(left, limit)
	}
	p.say("%d of %d, %v left  %s", done, total, left.Round(time.Second), what)
}

// erase leaves the line to others.
func (p *progress) erase() {
	if p.terminal {
		fmt.Fprint(p.out, "\r\x1b[K")
	}
}
