package suite

import (
	"fmt"
	"os"
	"runtime"
	"slices"
	"time"
)

// Processors of one machine may be unlike for minutes: one takes twice as long as the other while a neighbour is at work on the
// same core. Go's scheduler moves a goroutine from one to the other, a C thread stays where it is. So what has one goroutine is
// measured on one processor, the fastest at the moment, all impls of a row on the same one but for those with Go's collector. Go
// has as many Ps as elsewhere.

// A processor is one by the system's number, and one more, or anywhere.
type processor int

const anywhere processor = 0

// A chooser chooses the processor for each row in turn.
type chooser struct {
	among  []processor
	row    string
	chosen processor
	unlike []float64 // of each choice, how many times as long as the fastest the slowest took
	apart  []float64 // where it could be measured, how many ns a line takes from the chosen one to the last, or the first if that is it
}

// newChooser returns one that chooses among the processors this process may use.
func newChooser() *chooser { return &chooser{among: usable()} }

// forget has the next row choose anew.
func (c *chooser) forget() { c.row = "" }

// of returns the processor for the row, which is chosen anew unless the row is the one asked about last.
func (c *chooser) of(row string) processor {
	if len(c.among) < 2 {
		return anywhere
	}
	if row != c.row {
		c.row = row
		c.choose()
	}
	return c.chosen
}

func (c *chooser) choose() {
	paces := make([]time.Duration, len(c.among))
	for i, p := range c.among {
		if err := on(p, func() error { paces[i] = pace(); return nil }); err != nil {
			c.chosen = anywhere
			return
		}
	}
	fastest := slices.Min(paces)
	c.chosen = c.among[slices.Index(paces, fastest)]
	c.unlike = append(c.unlike, float64(slices.Max(paces))/float64(fastest))
	other := c.among[len(c.among)-1]
	if other == c.chosen {
		other = c.among[0]
	}
	if took := handover(c.chosen, other); took > 0 {
		c.apart = append(c.apart, float64(took))
	}
}

// pace is how long the processor takes for some steps that need the core's units and its cache, at best.
func pace() time.Duration {
	const attempts, steps = 8, 20_000
	var table [4096]byte
	best := time.Duration(1<<63 - 1)
	for range attempts {
		began := time.Now()
		x := [8]uint32{1, 2, 3, 4, 5, 6, 7, 8}
		for range steps {
			for k := range x {
				x[k] = x[k]*7 + uint32(table[x[k]>>3%uint32(len(table))]) + 1
			}
		}
		best = min(best, time.Since(began))
		table[0] = byte(x[0])
	}
	return best
}

// environmentOn is what a process on the processor finds in its environment besides: on one, Go would make itself one P.
func environmentOn(p processor) []string {
	if p == anywhere || os.Getenv("GOMAXPROCS") != "" {
		return nil
	}
	return []string{fmt.Sprintf("GOMAXPROCS=%d", runtime.GOMAXPROCS(0))}
}

// startOn calls start, which starts a process, so that this runs on the processor alone.
func startOn(p processor, start func() error) error {
	if p == anywhere {
		return start()
	}
	return on(p, start)
}

// processorFor returns the processor for a measurement of the row on the impl, with so many goroutines. Go's collector, which
// works beside the goroutine, may have all of them.
func (s *Suite) processorFor(i *Impl, row string, procs int) processor {
	if !s.Pin || procs > 1 || i.collected {
		return anywhere
	}
	return s.processors.of(row)
}
