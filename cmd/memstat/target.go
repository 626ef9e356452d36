package main

import (
	"strconv"
	"strings"
)

// A target is what a command looks at: a process of this machine, by its page, or any that serves the
// handlers, by these.
type target interface {
	look() (sight, error)
}

// targets is what help says of them.
const targets = `TARGET is the number of a process, of memstat ps, which does nothing for it and may be stopped (Linux only);
or http://HOST:PORT or unix:PATH, where a process serves the handlers of package heapz.`

// targetOf returns the one target that the arguments name.
func targetOf(args []string) (target, error) {
	switch {
	case len(args) == 0:
		return nil, usagef("no process; memstat ps lists them")
	case len(args) > 1:
		return nil, usagef("it takes one process, not %d", len(args))
	case strings.Contains(args[0], ":"):
		return newRemote(args[0])
	}
	pid, err := strconv.Atoi(args[0])
	if err != nil || pid <= 0 {
		return nil, usagef("%q is no number of a process", args[0])
	}
	return processNumber(pid), nil
}

// lookAt returns a look at what the arguments name.
func lookAt(args []string) (sight, error) {
	t, err := targetOf(args)
	if err != nil {
		return sight{}, err
	}
	return t.look()
}
