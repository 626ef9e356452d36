// Package spanheaptest helps tests of programs that allocate from package spanheap.
package spanheaptest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
)

// NoLeaks fails the test if blocks of the heaps that were allocated after the call live when the test's cleanups
// run, and names their number, bytes, classes and stacks. Without heaps it looks at all that are open at the end.
// A heap that is closed by then has no blocks. Cleanups run last first: those that free blocks belong behind the
// call.
//
// Until then the profile rate is 1, for the whole process, so that every block has a note; then it is as it was
// before the first of the calls that overlap. Whatever other tests that run in parallel allocate from the same
// heaps counts as the test's own: a parallel test should name heaps that nobody else uses. Nobody else may set
// the rate meanwhile. A Local that is older than the call may allocate another 2 MiB, or 16 where it allocates gigabytes
// a millisecond, without notes, which are missed, unless its heap has a debug level.
func NoLeaks(t testing.TB, heaps ...*spanheap.Heap) {
	t.Helper()
	if slices.Contains(heaps, nil) {
		t.Fatal("spanheaptest: a heap is nil")
	}
	heaps = slices.Clone(heaps)
	rate.raise()
	begin := time.Now()
	t.Cleanup(func() {
		t.Helper()
		defer rate.restore()
		checked := heaps
		if len(checked) == 0 {
			checked = spanheap.Heaps()
		}
		for _, h := range checked {
			if r := h.LeaksSince(begin); len(r.Leaks) > 0 {
				t.Errorf("%s leaks: %s", h.Name(), describe(r))
			}
		}
	})
}

// rate is the profile rate while tests look for leaks.
var rate raised

// raised counts the tests that want the rate 1, and keeps what it was before the first.
type raised struct {
	mu     sync.Mutex
	tests  int
	before int
}

func (r *raised) raise() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tests++; r.tests == 1 {
		r.before = spanheap.SetProfileRate(1)
	}
}

func (r *raised) restore() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.tests--; r.tests == 0 {
		spanheap.SetProfileRate(r.before)
	}
}

// describe returns the blocks of each class, and the report.
func describe(r spanheap.LeakReport) string {
	classes := map[string]uint64{}
	for _, l := range r.Leaks {
		for class, n := range l.Classes {
			classes[class] += n
		}
	}
	var b strings.Builder
	b.WriteString("blocks by class")
	for _, class := range slices.Sorted(maps.Keys(classes)) {
		fmt.Fprintf(&b, " %s: %d", class, classes[class])
	}
	return b.String() + "; " + r.String()
}
