package release

import (
	"fmt"
	"runtime"
	"sync"
	"time"

	"github.com/spanheap/spanheap"
)

const (
	swingers   = 2        // goroutines
	swingBytes = 32 << 20 // that each allocates, and then frees
	decays     = 50       // in the time that is measured
)

// Scavenged is what the scavenger did under a load that gives it work all the time.
type Scavenged struct {
	Share float64 // of all CPUs' time
	Given uint64  // bytes that it had given back at the end
}

// MeasureScavenger has goroutines allocate and free, in swings of blocks of mixed sizes, for about the time
// given, on a heap that decays fast.
func MeasureScavenger(about time.Duration) (s Scavenged, err error) {
	heap, err := spanheap.NewHeap(spanheap.Options{Name: "scavenged", Scavenge: spanheap.Decay(about / decays)})
	if err != nil {
		return s, err
	}
	defer heap.Close()
	start, before := time.Now(), spanheap.ScavengeTime()
	var running sync.WaitGroup
	errs := make([]error, swingers)
	for i := range errs {
		running.Go(func() {
			a := &allocator{heap: heap, random: uint64(i) + 1}
			a.drawSizes()
			for time.Since(start) < about && errs[i] == nil {
				errs[i] = a.swing()
			}
		})
	}
	running.Wait()
	elapsed, worked := time.Since(start), spanheap.ScavengeTime()-before
	for _, err := range errs {
		if err != nil {
			return s, fmt.Errorf("swing: %w", err)
		}
	}
	s.Share = float64(worked) / float64(elapsed) / float64(runtime.GOMAXPROCS(0))
	s.Given = heap.Stats().Released
	return s, nil
}

// swing allocates swingBytes, writes them, and frees them.
func (a *allocator) swing() (err error) {
	var blocks [][]byte
	for n := 0; n < swingBytes && err == nil; {
		var b []byte
		if b, err = a.heap.Alloc(a.size()); err == nil {
			blocks = append(blocks, b)
			n += len(b)
		}
	}
	for _, b := range blocks {
		a.heap.Free(b)
	}
	return err
}
