//go:build !wasm

package mcache_test

import (
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// Goroutines hand their blocks on, and wait until they are given others: so caches lie idle, and change their owners again
// and again. Nothing is lost on the way.
func TestCachesChangeOwnersUnderLoad(t *testing.T) {
	const workers = 4
	procs(t, workers)
	r := newRig(t)
	var now atomic.Int64
	t.Cleanup(mcache.SetClock(func() time.Duration { return time.Duration(now.Add(int64(time.Millisecond))) }))
	hand := make([]chan []block, workers)
	for i := range hand {
		hand[i] = make(chan []block, 1)
	}
	var mu sync.Mutex
	var live []block
	onProcs(workers, func(g int) {
		var mine []block
		for turn := range 60 {
			if turn > 0 {
				mine = <-hand[g]
			}
			for _, b := range mine {
				if !r.free(b) {
					t.Errorf("%+v is not live", b)
				}
			}
			mine = nil
			for i := range 600 {
				n := uintptr(16 << (i % 8))
				b, err := r.alloc(noscan(n), n)
				if err != nil {
					t.Error(err)
					return
				}
				mine = append(mine, b)
			}
			if turn%8 < 7 { // and now and then there are some that nobody gets
				hand[(g+1)%workers] <- mine
				continue
			}
			mu.Lock()
			live = append(live, mine...)
			mu.Unlock()
			hand[(g+1)%workers] <- nil
		}
		mu.Lock()
		live = append(live, <-hand[g]...)
		mu.Unlock()
	})
	require.NotZero(t, r.Exchanges(), "caches have changed owners")
	r.verify(live)
	for _, b := range live {
		r.mustFree(b)
	}
	require.Zero(t, r.DoubleFrees())
	r.requireEmpty()
}
