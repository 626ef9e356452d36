package collector

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestEveryStoreHoldsTheObjects(t *testing.T) {
	const live, chains = 1000, 10
	for name, s := range map[string]store{"go": newGoStore(chains), "spanheap": newOffHeapStore(chains)} {
		t.Run(name, func(t *testing.T) {
			for i := range live {
				s.add(i%chains, i)
			}
			var sum uint64
			for c := range chains {
				sum += s.walk(c, live)
			}
			require.EqualValues(t, live*(live-1)/2, sum)
			require.EqualValues(t, 990+980, s.walk(0, 2))
		})
	}
}

func TestMeasureServesRequestsBesideTheObjects(t *testing.T) {
	for _, name := range Stores {
		t.Run(name, func(t *testing.T) {
			r, err := Measure(name, 1000, 10*time.Millisecond)
			require.NoError(t, err)
			require.Equal(t, 1000, r.Live)
			require.Equal(t, int(10*time.Millisecond/requestPeriod), r.Requests)
			require.Positive(t, r.Collection)
			require.Positive(t, r.P50)
			require.LessOrEqual(t, r.P50, r.P99)
			require.LessOrEqual(t, r.P99, r.P999)
			require.LessOrEqual(t, r.P999, r.Last)
		})
	}
}

func TestMeasureRefusesAnUnknownStore(t *testing.T) {
	_, err := Measure("disk", 1, 0)
	require.ErrorContains(t, err, `"disk"`)
}
