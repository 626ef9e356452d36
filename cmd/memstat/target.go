package main

import (
	"strconv"
)

// targetPID returns the process that the one argument names.
func targetPID(args []string) (pid int, err error) {
	switch {
	case len(args) == 0:
		return 0, usagef("no process; memstat ps lists them")
	case len(args) > 1:
		return 0, usagef("it takes one process, not %d; flags go before it", len(args))
	}
	pid, err = strconv.Atoi(args[0])
	if err != nil || pid <= 0 {
		return 0, usagef("%q is no number of a process", args[0])
	}
	return pid, nil
}
