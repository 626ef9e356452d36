//go:build !race && !spanheap_portable && !openbsd

package mcache_test

import (
	"encoding/binary"
	"testing"

	"github.com/spanheap/spanheap/mcache"
	"github.com/stretchr/testify/require"
)

// Code that differs from procPin's in any bit but those of the two offsets is not taken for it.
func TestOnlyTheWholeFormOfProcPinIsKnown(t *testing.T) {
	words := []uint32{0xf9401b81, 0xb9810822, 0x91000442, 0xb9010822, 0xf9406821, 0xb9800020, 0xd65f03c0}
	encode := func(words []uint32) (code []byte) {
		for _, w := range words {
			code = binary.LittleEndian.AppendUint32(code, w)
		}
		return code
	}
	offset, known := mcache.PlaceOfP(encode(words))
	require.True(t, known)
	require.EqualValues(t, 208, offset)
	for i := range words {
		for bit := range 32 {
			words[i] ^= 1 << bit
			_, known := mcache.PlaceOfP(encode(words))
			require.Equal(t, (i == 1 || i == 3 || i == 4) && 10 <= bit && bit < 22, known, "word %d, bit %d", i, bit)
			words[i] ^= 1 << bit
		}
	}
}
