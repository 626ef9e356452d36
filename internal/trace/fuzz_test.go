package trace_test

import (
	"bytes"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/spanheap/spanheap/internal/trace"
)

// FuzzRead reads the input as a file, and as the records of a file. Whatever it is, Read says so
// without a panic; and what it takes for sound comes back the same after it was written.
func FuzzRead(f *testing.F) {
	f.Add([]byte("\x00\x10\x03\x00\x04\x0c\x20\x02\x02\x40\x05\x01\x01\x01"))
	f.Add(zipped(f, magic, "\x00\x10\x01\x00"))
	f.Fuzz(func(t *testing.T, input []byte) {
		for _, file := range [][]byte{input, zipped(t, magic, string(input))} {
			first, err := trace.Read(bytes.NewReader(file))
			if err != nil {
				var e *trace.Error
				require.True(t, errors.As(err, &e), "%v", err)
				require.GreaterOrEqual(t, e.Offset, int64(0))
				continue
			}
			second, err := trace.Read(bytes.NewReader(written(t, first.Events)))
			require.NoError(t, err)
			require.Equal(t, first, second)
		}
	})
}
