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
	if file, ok := w.(*os.File); ok && os.Getenv("TERM") != "dumb" {
		if info, err := file.Stat(); err == nil && info.Mode()&os.ModeCharDevice != 0 {
			return progress{file}
		}
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
