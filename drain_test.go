package spanheap_test

import (
	"runtime"
	"testing"
	"time"

	"github.com/spanheap/spanheap"
	"github.com/stretchr/testify/require"
)

// One goroutine fails at the limit again and again, while another works. The caches of the latter are
// taken away from it a small part of the time only.
func TestFailuresLeaveTheOthersTheirTime(t *testing.T) {
	h := newLimited(t, spanheap.Options{Limit: 8 << 20})
	blocks := fillUp(t, h, 64<<10)
	for _, b := range blocks[:10] {
		h.Free(b)
	}
	blocks = blocks[10:]
	stop, stopped := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(stopped)
		for {
			select {
			case <-stop:
				return
			default:
				h.Free(must(h.AllocUninit(64)))
				runtime.Gosched() // where there is one thread
			}
		}
	}()
	began, drained := time.Now(), h.Drained()
	var draining time.Duration
	for range 50 {
		draining = h.Drained() - drained // each drain of it, and the pause behind, is over after one failure more
		_, err := h.AllocUninit(1 << 20)
		require.ErrorIs(t, err, spanheap.ErrLimit)
	}
	took := time.Since(began)
	close(stop)
	<-stopped
	require.NotZero(t, draining)
	require.LessOrEqual(t, draining, took/19)
	for _, b := range blocks {
		h.Free(b)
	}
	closeEmpty(t, h)
}
