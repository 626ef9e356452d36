package spanheap_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap"
)

// What guards cost: the same load without them, with the default rate, and with nothing but guarded blocks,
// whose cost divided by DefaultGuard is what the default adds to each block.
func BenchmarkGuardPair(b *testing.B) {
	for _, size := range []int{16, 64, 1024, 8192} {
		for _, guard := range []int{spanheap.NoGuard, spanheap.DefaultGuard, 1} {
			b.Run(fmt.Sprintf("%d/%d", size, guard), func(b *testing.B) {
				h := must(spanheap.NewHeap(spanheap.Options{Guard: guard, Scavenge: spanheap.Never()}))
				for range b.N {
					h.Free(must(h.Alloc(size)))
				}
				closeEmpty(b, h)
			})
		}
	}
}
