//go:build !wasm && !race && !spanheap_portable

package mcache_test

import (
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// The scheduler moves a goroutine that has allocated alone. Where it goes on it has its cache from the first slow path on. When
// it is moved is the scheduler's choice: it is tried until that was so between two allocations.
func TestAGoroutineThatIsMovedFindsItsCache(t *testing.T) {
	procs(t, 2)
	var now atomic.Int64
	defer mcache.SetClock(func() time.Duration { return time.Duration(now.Add(int64(mcache.LongestStay))) })()
	r := newRig(t)
	var ended atomic.Bool
	defer ended.Store(true)
	for range 2 {
		go func() { // so that the scheduler has reason to
			for !ended.Load() {
				runtime.Gosched()
			}
		}()
	}
	var live []block // none is freed, which leads to caches as well
	for range 200 {
		for range 100 * mcache.AloneTimes { // each fill is one time, and has some slots
			live = append(live, r.mustAlloc(noscan(64), 64))
		}
		left := r.where()
		his := r.At(left)
		for tries := 0; tries < 100 && r.where() == left; tries++ {
			runtime.Gosched()
		}
		for range mcache.BoxSlots {
			live = append(live, r.mustAlloc(noscan(512), 512))
		}
		if came := r.where(); came != left && r.At(came) == his {
			r.verify(live)
			return
		}
	}
	require.Fail(t, "no cache comes along")
}
