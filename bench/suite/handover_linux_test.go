package suite

import (
	"runtime"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// TestHandover: each of the turns takes its time, and the whole ends whatever is refused.
func TestHandover(t *testing.T) {
	among := usable()
	require.NotEmpty(t, among)
	one, other := among[0], among[len(among)-1]
	require.Zero(t, handover(one, one))
	if len(among) < 2 {
		return
	}
	before := runtime.GOMAXPROCS(1)
	took := handover(one, other)
	runtime.GOMAXPROCS(before)
	require.Zero(t, took, "one would wait for the other's time to end")
	if before < 2 {
		return
	}
	var whole time.Duration
	for attempt := 0; took == 0; attempt++ {
		require.Less(t, attempt, 100)
		began := time.Now()
		took = handover(one, other)
		whole = time.Since(began)
	}
	if attempts := time.Duration(handoverAttempts); whole < handoverTime {
		require.LessOrEqual(t, took*attempts*2*handoverTurns, whole)
	}
	nobody := processor(1 << 20) // beyond any set
	require.Zero(t, handover(nobody, other))
	require.Zero(t, handover(one, nobody))
}
