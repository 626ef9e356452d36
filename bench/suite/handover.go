package suite

import (
	"runtime"
	"sync/atomic"
	"time"
)

// A handover is measured by so many attempts of so many turns there and back, or as many as there is time for.
const (
	handoverAttempts = 256
	handoverTurns    = 100
	handoverTime     = 50 * time.Millisecond
)

// handover is how long a line of memory takes from one processor to another one, at best: what goroutines pay that free each other's
// blocks. It is 0 where it cannot be measured.
func handover(from, to processor) time.Duration {
	if from == to || runtime.GOMAXPROCS(0) < 2 {
		return 0
	}
	var lines struct {
		_    [128]byte
		ball atomic.Uint32 // from's to write, counted up; 0 in the end
		_    [128]byte
		back atomic.Uint32 // to's: what it has seen
		_    [128]byte
	}
	lines.ball.Store(1)
	there, left := make(chan bool, 2), make(chan struct{}) // there: that to is at it; in the end, or instead, whether on went well
	go func() {
		defer close(left)
		err := on(to, func() error {
			there <- true
			for seen, looks := uint32(1), 0; seen != 0; looks++ {
				if ball := lines.ball.Load(); ball != seen {
					seen = ball
					lines.back.Store(ball)
				}
				yieldAt(looks)
			}
			return nil
		})
		there <- err == nil
	}()
	best := time.Duration(0)
	if <-there {
		start := time.Now()
		_ = on(from, func() error { // where it is refused, nothing is measured
			ball := uint32(1)
			for range handoverAttempts {
				began := time.Now()
				for range handoverTurns {
					ball++
					lines.ball.Store(ball)
					for looks := 1; lines.back.Load() != ball; looks++ {
						if yieldAt(looks) && time.Since(start) > handoverTime {
							return nil
						}
					}
				}
				if took := time.Since(began) / (2 * handoverTurns); best == 0 || took < best {
					best = took
				}
			}
			return nil
		})
	}
	lines.ball.Store(0)
	<-left
	return best
}

// yieldAt lets others work now and then while one waits, and tells when. A loop that never does keeps a collection from beginning.
func yieldAt(looks int) bool {
	now := looks%(1<<18) == 1<<18-1
	if now {
		runtime.Gosched()
	}
	return now
}
