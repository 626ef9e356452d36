package spanheap

import (
	"fmt"
	"io"
	"os"
	"sync"
	"time"
)

// The trace that SPANHEAPDEBUG=trace=1 asks for: a line of state each interval on the standard error, from the
// first heap on. Figures are bytes, but for the numbers of heaps, blocks, mallocs and frees; those two are
// counted since the heaps that are open were made.

var traceOnce sync.Once

// startTrace begins the trace, if it is asked for. While it goes on the Go runtime finds no deadlock.
func startTrace() {
	if settings.Trace {
		traceOnce.Do(func() {
			go func() {
				for now := range time.Tick(settings.Interval) {
					writeTrace(os.Stderr, now.Sub(loaded))
				}
			}()
		})
	}
}

// writeTrace writes a line. Who reads it, if anybody, is none of the program's business.
func writeTrace(w io.Writer, since time.Duration) {
	heaps, sum := 0, Stats{}
	eachHeap(func(h *Heap) {
		heaps++
		sum = sum.Plus(h.stats())
	})
	_, _ = fmt.Fprintf(w, "spanheap %dms: heaps=%d blocks=%d live=%d rounding=%d tails=%d cached=%d central=%d freepages=%d metadata=%d backed=%d released=%d mallocs=%d frees=%d\n",
		since.Milliseconds(), heaps, sum.LiveBlocks, sum.Live, sum.Rounding, sum.SpanTail, sum.CachedSlots, sum.CentralSlots,
		sum.FreePages, sum.Metadata, sum.Backed, sum.Released, sum.Mallocs, sum.Frees)
}
