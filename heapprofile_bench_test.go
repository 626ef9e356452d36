package spanheap_test

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap"
)

// What sampling costs: the same load without it and with the default rate, round and round, so that what
// else the machine does falls on both.

var benchmarkRates = []struct {
	name  string
	bytes int
}{{"off", 0}, {"on", spanheap.DefaultProfileRate}}

// BenchmarkProfilePair frees each block right after its allocation.
func BenchmarkProfilePair(b *testing.B) {
	for _, size := range []int{16, 64, 256, 1024, 8192, 32 << 10, 128 << 10} {
		for _, rate := range benchmarkRates {
			b.Run(fmt.Sprintf("%d/%s", size, rate.name), func(b *testing.B) {
				profileRate(b, rate.bytes)
				h := newHeap(b)
				for range b.N {
					h.Free(must(h.Alloc(size)))
				}
				closeEmpty(b, h)
			})
		}
	}
}

// BenchmarkProfileMixed holds 10,000 blocks of 8 bytes to 1 KiB, and replaces one after the other.
func BenchmarkProfileMixed(b *testing.B) {
	for _, rate := range benchmarkRates {
		b.Run(rate.name, func(b *testing.B) {
			profileRate(b, rate.bytes)
			h := newHeap(b)
			r := rand.New(rand.NewPCG(1, 2))
			blocks := make([][]byte, 10_000)
			sizes := make([]int, 1<<16)
			for i := range sizes {
				sizes[i] = 8 + logUniform(r, 10)
			}
			b.ResetTimer()
			for i := range b.N {
				slot := &blocks[i*7919%len(blocks)]
				h.Free(*slot)
				*slot = must(h.AllocUninit(sizes[i%len(sizes)]))
			}
			b.StopTimer()
			for _, block := range blocks {
				h.Free(block)
			}
			closeEmpty(b, h)
		})
	}
}
