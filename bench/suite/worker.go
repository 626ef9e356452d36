package suite

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
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

// A measurement is a process that makes one.
type measurement struct {
	program string
	args    []string
	about   time.Duration // how long it is asked to measure
	keys    []string      // what it must print
	on      processor
	begun   func() // called when it has begun to print; nil for nothing
}

// measure makes the measurement and reads what is printed.
func (i *Impl) measure(ctx context.Context, m measurement) (line, error) {
	ctx, cancel := context.WithTimeout(ctx, m.about+patience)
	defer cancel()
	c := exec.CommandContext(ctx, m.program, m.args...)
	c.Env = slices.Concat(environment(), environmentOn(m.on), i.env)
	if i.preload != "" {
		c.Env = append(c.Env, "LD_PRELOAD="+i.preload)
	}
	output := listener{begun: m.begun}
	var complaint bytes.Buffer
	c.Stdout, c.Stderr = &output, &complaint
	err := startOn(m.on, c.Start)
	if err == nil {
		err = c.Wait()
	}
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		return nil, fmt.Errorf("it was not done after %v", m.about+patience)
	case err != nil:
		return nil, fmt.Errorf("%w: %s", err, firstLines(complaint.String()))
	case complaint.Len() > 0: // a library that cannot be preloaded is only complained about
		return nil, errors.New(firstLines(complaint.String()))
	}
	return parseLine(output.text.String(), m.keys...)
}

// A listener keeps what is written to it, and calls begun, if there is one, before the first of it.
type listener struct {
	begun func()
	text  bytes.Buffer
}

func (l *listener) Write(p []byte) (int, error) {
	if l.text.Len() == 0 && l.begun != nil {
		l.begun()
	}
	return l.text.Write(p)
}

func milliseconds(d time.Duration) string { return fmt.Sprint(d.Milliseconds()) }

// runCell makes one measurement of a cell, on the processor, and returns ns per operation.
func (i *Impl) runCell(ctx context.Context, c Cell, about time.Duration, on processor) (float64, error) {
	l, err := i.measure(ctx, measurement{
		program: i.program(c.Zeroed), about: about, on: on, keys: []string{"ns/op"},
		args: []string{"run", c.Pattern, fmt.Sprint(c.Size), fmt.Sprint(c.Procs), milliseconds(about)},
	})
	return l["ns/op"], err
}
