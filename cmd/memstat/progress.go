package main

import (
	"fmt"
	"io"
	"os"
)

// A progress is one line that is written over as work goes on, on a terminal that can erase; elsewhere
// nothing.
type progress struct{ terminal io.Writer }

func newProgress(w io.Writer) progress {
	if isTerminal(w) && os.Getenv("TERM") != "dumb" {
		return progress{w}
	}
	return progress{}
}

const eraseLine = "\r\x1b[K"

func (p progress) show(format string, args ...any) {
	if p.terminal != nil {
		fmt.Fprintf(p.terminal, eraseLine+format, args...)
	}
}

// erase leaves the line to others.
func (p progress) erase() { p.show("") }
