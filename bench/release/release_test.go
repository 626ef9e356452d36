package release

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestMeasureAllocatesBesideReleaseAndWithout(t *testing.T) {
	r, err := Measure(time.Millisecond)
	require.NoError(t, err)
	require.Positive(t, r.Released)
	for _, l := range []Latencies{r.Quiet, r.Scavenged, r.Beside} {
		require.Positive(t, l.Calls)
		require.LessOrEqual(t, l.P50, l.P99)
		require.LessOrEqual(t, l.P99, l.P999)
		require.LessOrEqual(t, l.P999, l.Last)
	}
}

func TestLatenciesAreQuantiles(t *testing.T) {
	calls := make([]time.Duration, 1001)
	for i := range calls {
		calls[i] = time.Duration(1000 - i)
	}
	require.Equal(t, Latencies{1001, 500, 990, 999, 1000}, newLatencies(calls))
}

func TestTheScavengerWorksUnderLoad(t *testing.T) {
	var s Scavenged
	for about := 200 * time.Millisecond; s.Share == 0 && about < 10*time.Second; about *= 2 { // on a busy machine it may not get to run
		var err error
		s, err = MeasureScavenger(about)
		require.NoError(t, err)
	}
	require.Positive(t, s.Share)
	require.Less(t, s.Share, 1.0)
	require.Positive(t, s.Given)
}
