//go:build !race && !spanheap_portable && (amd64 || arm64) && !openbsd

package mcache_test

import (
	"os"
	"runtime"
	"runtime/metrics"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// sameCache tells whether a visit finds what who is pinned finds.
//
//go:noinline
//go:nosplit
func sameCache(s *mcache.Set) bool {
	visited := s.Visit(mcache.Here())
	entered := s.Enter(mcache.Pin())
	s.Leave(entered)
	s.Done(visited)
	return visited == entered
}

// Threads and Ps come together and part again at every block in the operating system.
func TestAVisitFindsThePsCache(t *testing.T) {
	procs(t, 6)
	r := newRig(t)
	r.fillCaches(2, 8)
	require.NotZero(t, mcache.OffsetOfP(), "procPin's code is not known in this build of Go")
	var wrong atomic.Int64
	var seen [6]atomic.Int64
	var running sync.WaitGroup
	for range 24 {
		running.Go(func() {
			null, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
			if err != nil {
				wrong.Add(1)
				return
			}
			defer null.Close()
			for i := range 3000 {
				if !sameCache(&r.Set) {
					wrong.Add(1)
				}
				seen[mcache.Owner(&r.Set)].Add(1)
				switch i % 3 {
				case 0:
					runtime.Gosched()
				case 1:
					_, _ = null.Write([]byte("a system call"))
				}
			}
		})
	}
	running.Wait()
	require.Zero(t, wrong.Load())
	several := 0
	for i := range seen {
		if seen[i].Load() > 0 {
			several++
		}
	}
	require.Greater(t, several, 1)
}

// Where procPin's code is of another form nobody has a cache on a visit, and all blocks take the slow path.
func TestVisitsFindNobodyWhereProcPinIsUnknown(t *testing.T) {
	defer mcache.ForgetOffsetOfP()()
	r := newRig(t)
	r.fillCaches(1, 4)
	require.Same(t, mcache.Nobody(), r.Visit(mcache.Here()))
	r.verify(nil)
	r.requireEmpty()
}

// stayed spins, as if it did something with a cache, until all goroutines have been stopped once, or it is tired. It
// tells whether they could be stopped meanwhile.
//
//go:noinline
//go:nosplit
func stayed(begun, stopped *atomic.Bool, spins int) bool {
	begun.Store(true)
	for range spins {
		if stopped.Load() {
			return false
		}
	}
	return true
}

// What a visit rests on: a function that must not be split is not interrupted, neither by the scheduler nor by a stop
// of the world.
func TestAFunctionThatIsNotSplitIsNotInterrupted(t *testing.T) {
	procs(t, 4)
	for range 5 {
		var begun, stopped atomic.Bool
		done := make(chan struct{})
		go func() {
			defer close(done)
			for !begun.Load() {
				runtime.Gosched()
			}
			mcache.StopOnce()
			stopped.Store(true)
		}()
		uninterrupted := stayed(&begun, &stopped, 50_000_000)
		<-done
		require.True(t, uninterrupted)
	}
}

// The runtime stops the world each time it is asked, and does not wait for what else stops it.
func TestAStopIsAStop(t *testing.T) {
	stops := func() (n uint64) {
		sample := []metrics.Sample{{Name: "/sched/pauses/total/other:seconds"}}
		metrics.Read(sample)
		for _, count := range sample[0].Value.Float64Histogram().Counts {
			n += count
		}
		return n
	}
	before := stops()
	for range 100 {
		mcache.StopOnce()
	}
	require.GreaterOrEqual(t, stops()-before, uint64(100))
	require.Zero(t, testing.AllocsPerRun(100, mcache.StopOnce))
}
