package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"time"
)

// patience is how long a worker may take beyond the time it was asked to measure for.
const patience = 2 * time.Minute

// settings are variables of the environment that would make workers unlike each other.
var settings = []string{"LD_PRELOAD", "GOGC", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK", "SPANHEAPDEBUG", "SPANBENCH_", "GLIBC_TUNABLES", "MALLOC_", "MALLOC_CONF", "MIMALLOC_", "TCMALLOC_"}

func environment() []string {
	var env []string
	for _, e := range os.Environ() {
		keep := true
		for _, s := range settings {
			keep = keep && !strings.HasPrefix(e, s)
		}
		if keep {
			env = append(env, e)
		}
	}
	return env
}

// measure starts the program for one measurement and reads what it prints.
func (i *Impl) measure(ctx context.Context, program string, about time.Duration, keys []string, args ...string) (line, error) {
	return i.measureTold(ctx, func() {}, program, about, keys, args...)
}

// measureTold is measure; begun is called when the worker has begun to print.
func (i *Impl) measureTold(ctx context.Context, begun func(), program string, about time.Duration, keys []string, args ...string) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, about+patience)
	defer cancel()
	c := exec.CommandContext(ctx, program, args...)
	c.Env = append(environment(), i.env...)
	if i.preload != "" {
		c.Env = append(c.Env, "LD_PRELOAD="+i.preload)
	}
	output := listener{begun: begun}
	var complaint bytes.Buffer
	c.Stdout, c.Stderr = &output, &complaint
	err := c.Run()
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it was not done after %v", about+patience)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, firstLines(complaint.String()))
	case complaint.Len() > 0: // a library that cannot be preloaded is only complained about
		return nil, errors.New(firstLines(complaint.String()))
	}
	return parseLine(output.text.String(), keys...)
}

// A listener keeps what is written to it, and calls begun before the first of it.
type listener struct {
	begun func()
	text  bytes.Buffer
}

func (l *listener) Write(p []byte) (int, error) {
	if l.text.Len() == 0 {
		l.begun()
	}
	return l.text.Write(p)
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// runCell makes one measurement of a cell and returns ns per operation.
func (i *Impl) runCell(ctx context.Context, c Cell, about time.Duration) (float64, error) {
	l, err := i.measure(ctx, i.program(c.Zeroed), about, []string{"ns/op"},
		"run", c.Pattern, fmt.Sprint(c.Size), fmt.Sprint(c.Procs), milliseconds(about))
	return l["ns/op"], err
}
