//go:build !race && !spanheap_portable && !openbsd

package mcache_test

import (
	"slices"
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// Code that differs from procPin's in any byte but those of the two offsets is not taken for it.
func TestOnlyTheWholeFormOfProcPinIsKnown(t *testing.T) {
	code := []byte("\x49\x8b\x4e\x30\xff\x81\x08\x01\x00\x00\x48\x8b\x89\xd0\x00\x00\x00\x48\x63\x01\xc3")
	offset, known := mcache.PlaceOfP(code)
	require.True(t, known)
	require.EqualValues(t, 0xd0, offset)
	for i := range code {
		other := slices.Clone(code)
		other[i] ^= 0x08
		_, known := mcache.PlaceOfP(other)
		require.Equal(t, 6 <= i && i < 10 || 13 <= i && i < 17, known, "byte %d", i)
	}
}
