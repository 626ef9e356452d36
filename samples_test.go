package spanheap

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

// Places whose hashes are the same are told apart.
func TestPlacesOfOneHash(t *testing.T) {
	var s samples
	places := []place{{nil, 0}, {[]uintptr{0}, 0}, {[]uintptr{0, 0}, 0}}
	var records []*record
	for _, p := range places {
		require.Equal(t, places[0].hash(), p.hash())
		r := s.record(p)
		require.NotContains(t, records, r)
		records = append(records, r)
	}
	for i, p := range places {
		require.Same(t, records[i], s.record(p))
	}
	require.Len(t, s.all(), len(places))
}

// Weights are reciprocals of probabilities, small and large ones.
func TestWeights(t *testing.T) {
	for _, n := range []uintptr{1, 8, 100, 1000, 1999, 2000, 2001, 3000, 20_000, 1 << 30} {
		probability := -math.Expm1(-float64(n) / 2000)
		require.InEpsilon(t, weightOne/probability, float64(weightOf(n, 2000)), 1e-5, "%d bytes", n)
	}
	require.EqualValues(t, weightOne, weightOf(5, 1))
}
