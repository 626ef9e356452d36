package mcache_test

import (
	"math/rand/v2"
	"runtime"
	"sync/atomic"
	"testing"

	"github.com/spanheap/spanheap/mheap"
)

// TestUsageAddsUpUnderLoad reads the counts while others are at work: they may be a little off, but
// each is a part of the whole.
func TestUsageAddsUpUnderLoad(t *testing.T) {
	r := newRig(t)
	classes := []mheap.SpanClass{noscan(32768), noscan(4096), noscan(64), mheap.Tiny}
	var done atomic.Bool
	onProcs(3, func(g int) {
		if g > 0 {
			random := rand.New(rand.NewPCG(uint64(g), 2))
			for !done.Load() {
				var live []block
				for range 300 {
					class := classes[random.IntN(len(classes))]
					b, err := r.alloc(class, min(7, class.Layout().Bytes))
					if err != nil {
						t.Error(err)
						break
					}
					live = append(live, b)
				}
				for _, b := range live {
					r.free(b)
				}
				runtime.Gosched()
			}
			return
		}
		defer done.Store(true)
		for range 1500 {
			for _, class := range classes {
				u := r.Usage(class)
				slots := u.Slots
				if u.InSpans > slots || u.InCaches > slots || u.Live > slots || u.InSpans+u.InCaches+u.Live != slots {
					t.Errorf("class %d has %d slots: %+v", class, slots, u)
					return
				}
				if u.Requested > u.Live*uint64(class.Layout().Bytes) {
					t.Errorf("class %d: more asked for than lives: %+v", class, u)
					return
				}
			}
			runtime.Gosched()
		}
	})
	r.verify(nil)
	r.requireEmpty()
}
