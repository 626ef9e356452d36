// Worker makes one measurement in a process of its own and prints it as one line of key=value. It is
// built with the tags of one allocator (see package pattern) and started by spanbench; the C program
// in native takes the same arguments and prints the same lines.
//
//	worker run PATTERN SIZE PROCS MILLISECONDS
//	worker replay FILE MILLISECONDS
//	worker collector STORE OBJECTS MILLISECONDS
//	worker retention BLOCKS PERCENT MILLISECONDS
//	worker release MILLISECONDS
//	worker numbers
package main

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/spanheap/spanheap/bench/collector"
	"github.com/spanheap/spanheap/bench/pattern"
	"github.com/spanheap/spanheap/bench/release"
)

func main() {
	line, err := measure(os.Args[1:])
	if err != nil {
		fmt.Fprintf(os.Stderr, "worker: %v\n", err)
		os.Exit(1)
	}
	fmt.Println(line)
}

var errUsage = errors.New("usage: worker run PATTERN SIZE PROCS MILLISECONDS | " +
	"replay FILE MILLISECONDS | collector STORE OBJECTS MILLISECONDS | " +
	"retention BLOCKS PERCENT MILLISECONDS | release MILLISECONDS | numbers")

func measure(args []string) (line string, err error) {
	if len(args) == 1 && args[0] == "numbers" {
		return fmt.Sprintf("numbers=%d", pattern.Fingerprint()), nil
	}
	if len(args) < 2 {
		return "", errUsage
	}
	var name string
	given := args[1:]
	if args[0] != "retention" && args[0] != "release" {
		name, given = args[1], args[2:]
	}
	var numbers []int
	for _, a := range given {
		n, err := strconv.Atoi(a)
		if err != nil || n < 0 {
			return "", fmt.Errorf("%q is no count", a)
		}
		numbers = append(numbers, n)
	}
	if len(numbers) == 0 {
		return "", errUsage
	}
	about := time.Duration(numbers[len(numbers)-1]) * time.Millisecond
	switch {
	case args[0] == "run" && len(numbers) == 3:
		t, err := pattern.Measure(name, pattern.Params{Size: numbers[0], Procs: numbers[1]}, about)
		if err != nil {
			return "", err
		}
		return fmt.Sprintf("ns/op=%.4f ops=%d", t.PerOp(), t.Ops), nil
	case args[0] == "replay" && len(numbers) == 1:
		r, err := pattern.Replay(name, about)
		return fmt.Sprintf("ns/event=%.4f best=%.4f rounds=%d resident=%d", r.Median, r.Best, r.Rounds, r.Resident), err
	case args[0] == "collector" && len(numbers) == 2:
		r, err := collector.Measure(name, numbers[0], about)
		return fmt.Sprintf("build=%d collection=%d collection-cpu=%d resident=%d resident-peak=%d requests=%d cycles=%d cpu-share=%.5f p50=%d p99=%d p999=%d last=%d",
			r.Build, r.Collection, r.CollectionCPU, r.Resident, r.ResidentPeak,
			r.Requests, r.Cycles, r.CPUShare, r.P50, r.P99, r.P999, r.Last), err
	case args[0] == "retention" && len(numbers) == 3:
		r, err := pattern.Retain(numbers[0], numbers[1], about, func(r pattern.Retained) {
			fmt.Printf("live=%d full=%d at-once=%d ", r.Live, r.Full, r.AtOnce) // a line that is begun says that the wait is
		})
		return fmt.Sprintf("later=%d", r.Later), err
	case args[0] == "release" && len(numbers) == 1:
		r, err := release.Measure(about)
		if err != nil {
			return "", err
		}
		s, err := release.MeasureScavenger(longer * about)
		return latencies("quiet", r.Quiet) + " " + latencies("scavenged", r.Scavenged) + " " + latencies("beside", r.Beside) + fmt.Sprintf(" released=%d scavenger-share=%.6f scavenger-gave=%d", r.Released, s.Share, s.Given), err
	}
	return "", errUsage
}

// longer is how many times as long the scavenger is watched: its turns are few.
const longer = 5

func latencies(of string, l release.Latencies) string {
	return fmt.Sprintf("%s-calls=%d %s-p50=%d %s-p99=%d %s-p999=%d %s-last=%d",
		of, l.Calls, of, l.P50, of, l.P99, of, l.P999, of, l.Last)
}
