package suite

import (
	"runtime"
	"sync/atomic"
	"time"
)

// handover is how long a line of memory takes from one processor to another, at best: what goroutines pay that free each other's
// blocks. On a shared machine it is four times as long when the system below puts the two on parts that share no cache. It is 0
// where it cannot be measured.
func handover(from, to processor) time.Duration {
	const attempts, turns = 8, 100
	if runtime.GOMAXPROCS(0) < 2 {
		return 0
	}
	var line struct {
		_    [128]byte
		turn atomic.Uint32 // odd: the other's; 0 in the end
		_    [128]byte
	}
	line.turn.Store(2)
	ready, left := make(chan error, 2), make(chan struct{})
	go func() {
		defer close(left)
		ready <- on(to, func() error {
			ready <- nil
			for t := line.turn.Load(); t != 0; t = line.turn.Load() {
				if t%2 == 1 {
					line.turn.CompareAndSwap(t, t+1)
				}
			}
			return nil
		})
	}()
	best := time.Duration(0)
	if <-ready == nil {
		_ = on(from, func() error { // where it is refused, nothing is measured
			for range attempts {
				began := time.Now()
				for range turns {
					t := line.turn.Add(1)
					for line.turn.Load() == t {
					}
				}
				if took := time.Since(began) / (2 * turns); best == 0 || took < best {
					best = took
				}
			}
			return nil
		})
	}
	line.turn.Store(0)
	<-left
	return best
}
