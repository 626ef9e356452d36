package suite

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHandover: it takes longer than a step of one processor, and ends whatever is refused.
func TestHandover(t *testing.T) {
	among := usable()
	other := among[len(among)-1]
	before := runtime.GOMAXPROCS(1)
	took := handover(among[0], other)
	runtime.GOMAXPROCS(before)
	require.Zero(t, took, "one would wait for the other's time to end")
	if len(among) < 2 || before < 2 {
		return
	}
	took = handover(among[0], other)
	require.Greater(t, took, time.Nanosecond)
	require.Less(t, took, time.Millisecond)
	nobody := processor(len(among)*1000 + 1)
	require.Zero(t, handover(nobody, among[0]))
	require.Zero(t, handover(among[0], nobody))
}
