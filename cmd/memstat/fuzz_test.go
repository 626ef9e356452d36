package main

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

// Whatever a file of sizes holds, what is taken from it is within the bounds.
func FuzzSizes(f *testing.F) {
	f.Add("size,count\n16,3\n100, 7\n")
	f.Add(byteOrderMark + "1,1\n0,18446744073709551615\n")
	f.Add("\"1\",2\n4\n")
	f.Fuzz(func(t *testing.T, text string) {
		blocks, err := parseSizes(strings.NewReader(text))
		if err != nil {
			require.Nil(t, blocks)
			return
		}
		total := uint64(0)
		for k, n := range blocks {
			require.LessOrEqual(t, k.size, uint64(maxBlock))
			total += max(k.size, 1) * n
		}
		require.LessOrEqual(t, total, uint64(trace.MaxLive))
	})
}

// Whatever a flag of bytes is given, it is above 0 or refused.
func FuzzByteCount(f *testing.F) {
	f.Add("500MB")
	f.Add("4GiB")
	f.Add("1e30 EB")
	f.Fuzz(func(t *testing.T, text string) {
		var n byteCount
		require.Equal(t, n.Set(text) == nil, n > 0)
	})
}
