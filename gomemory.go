package spanheap

import (
	"errors"
	"fmt"
	"io/fs"
	"math"
	"os"
	"runtime"
	"runtime/debug"
	"sync"
	"time"
)

// ErrNoLimit is returned where no container limits the process's memory, or none can be told: the system is not
// Linux, or has no control groups mounted.
var ErrNoLimit = errors.New("no memory limit")

// leastGoShare is the part of a container's memory that stays Go's, however much spanheap has: with less the
// collector would run all the time and free nothing.
const leastGoShare = 16

// GoMemoryLimit returns how many bytes Go's own memory may have, the value for GOMEMLIMIT and
// debug.SetMemoryLimit: the limit of the container that the process runs in, less what all heaps have
// backed now, but a 16th of the limit at least. Go counts none of spanheap's memory, the container all of it.
// The container's limit is that of its control groups, version 1 or 2. Errors: ErrNoLimit, and what the
// system says to the reading of its files.
//
// It is a provider for github.com/KimMachineGun/automemlimit. What it returns ages as heaps grow; see
// TrackGoMemoryLimit. Any goroutine may call it.
func GoMemoryLimit() (uint64, error) {
	if runtime.GOOS != "linux" {
		return 0, fmt.Errorf("spanheap: %w: not on %s", ErrNoLimit, runtime.GOOS)
	}
	return goMemoryLimit(os.DirFS("/"), ProcessBacked())
}

func goMemoryLimit(root fs.FS, backed uint64) (uint64, error) {
	limit, err := containerLimit(root)
	if err != nil {
		return 0, fmt.Errorf("spanheap: %w", err)
	}
	return max(limit-min(limit, backed), limit/leastGoShare), nil
}

// TrackGoMemoryLimit sets Go's memory limit by debug.SetMemoryLimit to what the provider says, GoMemoryLimit
// for one: now, and then every interval until stop is called, which sets it back to what it was. While the
// provider returns an error the limit stays. The error is the provider's first; then nothing is tracked.
func TrackGoMemoryLimit(provider func() (uint64, error), interval time.Duration) (stop func(), err error) {
	if interval <= 0 {
		return nil, fmt.Errorf("spanheap: interval of %v between two looks at the memory limit", interval)
	}
	limit, err := provider()
	if err != nil {
		return nil, err
	}
	before := debug.SetMemoryLimit(goLimit(limit))
	done, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-done:
				debug.SetMemoryLimit(before)
				return
			case <-ticker.C:
				if limit, err := provider(); err == nil {
					debug.SetMemoryLimit(goLimit(limit))
				}
			}
		}
	}()
	return sync.OnceFunc(func() { close(done); <-ended }), nil
}

// goLimit is n as debug.SetMemoryLimit takes it, for which a negative one would be a question.
func goLimit(n uint64) int64 { return int64(min(n, math.MaxInt64)) }
