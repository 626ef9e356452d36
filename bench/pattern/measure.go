package pattern

import (
	"fmt"
	"sync"
	"time"
)

// Params says how a pattern is run.
type Params struct {
	Size  int // bytes of a block; 0 where the pattern draws its own sizes
	Procs int // goroutines
}

// A Timing is what came of one measurement.
type Timing struct {
	Ops     int // of each goroutine
	Elapsed time.Duration
}

// PerOp returns how many ns an operation took a goroutine, waiting for a processor included.
func (t Timing) PerOp() float64 { return float64(t.Elapsed.Nanoseconds()) / float64(t.Ops) }

// A workload is a pattern with everything it needs before its first operation.
type workload interface {
	// run makes at least n operations on each goroutine, and returns how many it made.
	run(n int) int
	// close frees every block.
	close()
}

// Measure runs the pattern called name for about the time given. What runs before that, to find out
// how many operations that takes, and what the pattern allocates beforehand, is not counted.
func Measure(name string, p Params, about time.Duration) (Timing, error) {
	d, err := find(name, p)
	if err != nil {
		return Timing{}, err
	}
	w := d.prepare(p)
	defer w.close()
	warm := about / 8
	n := d.quantum
	for fit := 0; fit < 2; { // twice, since memory may have been new to the first, and that what took so long
		if t := timed(w, n); t.Elapsed < warm {
			fit, n = 0, 2*n
		} else if fit++; fit == 2 {
			n = int(float64(t.Ops) * float64(about) / float64(t.Elapsed))
		}
	}
	return timed(w, max(n, d.quantum)), nil
}

func timed(w workload, n int) Timing {
	start := time.Now()
	ops := w.run(n)
	return Timing{ops, time.Since(start)}
}

func find(name string, p Params) (definition, error) {
	for _, d := range definitions {
		if d.name == name {
			return d, d.check(p)
		}
	}
	return definition{}, fmt.Errorf("no pattern is called %q", name)
}

// together runs f for every number below procs at once, and waits.
func together(procs int, f func(i int)) {
	if procs == 1 {
		f(0)
		return
	}
	var running sync.WaitGroup
	for i := range procs {
		running.Go(func() { f(i) })
	}
	running.Wait()
}

// hands are the goroutines' handles, one each.
type hands []handle

func openAll(procs int) hands {
	h := make(hands, procs)
	for i := range h {
		h[i] = open()
	}
	return h
}

func (h hands) close() {
	for _, hand := range h {
		hand.close()
	}
}

// touch writes to the block.
func touch(b block) { bytesOf(b)[0] = 1 }

// look reads the block.
func look(b block) byte { return bytesOf(b)[0] }
