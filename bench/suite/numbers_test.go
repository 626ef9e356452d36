package suite

import (
	"math"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestParseLine(t *testing.T) {
	l, err := parseLine("ns/op=6.1200 ops=1000\n", "ns/op")
	require.NoError(t, err)
	require.Equal(t, line{"ns/op": 6.12, "ops": 1000}, l)
}

func TestParseLineSaysWhatIsWrong(t *testing.T) {
	for output, want := range map[string]string{
		"":                       `"" is not key=number`,
		"ns/op":                  `"ns/op" is not key=number`,
		"ns/op=fast":             `"ns/op=fast" is not key=number`,
		"=1":                     `"=1" is not key=number`,
		"ns/op=1 ops=2\nns/op=3": "is not key=number",
		"ops=1\n":                "lacks ns/op",
	} {
		_, err := parseLine(output, "ns/op")
		require.ErrorContains(t, err, want, "%q", output)
	}
}

func TestMedians(t *testing.T) {
	require.Equal(t, line{"p50": 2, "p99": 9}, medians([]line{{"p50": 1, "p99": 9}, {"p50": 3, "p99": 8}, {"p50": 2, "p99": 2000}}))
}

func TestSpread(t *testing.T) {
	s := NewSpread([]float64{5, 1, 3, 2, 4})
	require.Equal(t, Spread{Median: 3, Min: 1, Max: 5, Q1: 2, Q3: 4, Values: []float64{5, 1, 3, 2, 4}}, s)
	require.InDelta(t, 1/3.0, s.Relative(), 1e-9)
	require.Equal(t, 1.5, NewSpread([]float64{1, 2}).Median)
	require.Equal(t, 7.0, NewSpread([]float64{7}).Q3)
}

func TestGeoMean(t *testing.T) {
	require.InDelta(t, 4, GeoMean([]float64{2, 8}), 1e-9)
	require.InDelta(t, 1, GeoMean([]float64{0.5, 2}), 1e-9)
	require.True(t, math.IsNaN(GeoMean(nil)))
}

func TestRatiosNeedBothSidesAndBestNeedsAll(t *testing.T) {
	r := Row{Values: map[string]Spread{Spanheap: {Median: 6}, Glibc: {Median: 3}, Jemalloc: {Median: 2}}}
	ratio, ok := r.Ratio(Spanheap, Glibc)
	require.True(t, ok)
	require.Equal(t, 2.0, ratio)
	_, ok = r.Ratio(Make, Glibc)
	require.False(t, ok)

	best, ok := r.Best([]string{Glibc, Jemalloc})
	require.True(t, ok)
	require.Equal(t, 2.0, best)
	_, ok = r.Best(Natives)
	require.False(t, ok)
}
