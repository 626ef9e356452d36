package spanheap_test

import (
	"fmt"
	"testing"

	"github.com/spanheap/spanheap"
)

// BenchmarkDebugLevels is a pair of Alloc and Free at each level; "x-default" is how many times as long as in a
// heap without one it takes.
func BenchmarkDebugLevels(b *testing.B) {
	for _, size := range []int{64, 1024, 64 << 10} {
		var off float64
		for level := spanheap.DebugOff; level <= spanheap.DebugStacks; level++ {
			b.Run(fmt.Sprintf("size=%d/level=%d", size, level), func(b *testing.B) {
				h, err := spanheap.NewHeap(spanheap.Options{Debug: level})
				if err != nil {
					b.Fatal(err)
				}
				defer h.Close()
				for b.Loop() {
					h.Free(must(h.AllocUninit(size)))
				}
				each := float64(b.Elapsed()) / float64(b.N)
				if level == spanheap.DebugOff {
					off = each
				}
				b.ReportMetric(each/off, "x-default")
			})
		}
	}
}
