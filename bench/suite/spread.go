package suite

import (
	"math"
	"slices"
)

// A Spread sums up the values that the rounds gave.
type Spread struct {
	Median float64 `json:"median"`
	Min    float64 `json:"min"`
	Max    float64 `json:"max"`
	Q1     float64 `json:"q1"` // a quarter of the values lie below it
	Q3     float64 `json:"q3"` // a quarter lie above it

	Values []float64 `json:"values"` // one of each round, in their order
}

// NewSpread returns the spread of at least one value.
func NewSpread(values []float64) Spread {
	v := slices.Sorted(slices.Values(values))
	return Spread{quantile(v, 0.5), v[0], v[len(v)-1], quantile(v, 0.25), quantile(v, 0.75), values}
}

// spreadOf returns the spread of the values, or nil of none.
func spreadOf(values []float64) *Spread {
	if len(values) == 0 {
		return nil
	}
	s := NewSpread(values)
	return &s
}

// quantile interpolates between the sorted values.
func quantile(sorted []float64, q float64) float64 {
	at := q * float64(len(sorted)-1)
	i := int(at)
	if i == len(sorted)-1 {
		return sorted[i]
	}
	return sorted[i] + (at-float64(i))*(sorted[i+1]-sorted[i])
}

// Relative returns half the distance between the quartiles as a part of the median.
func (s Spread) Relative() float64 { return (s.Q3 - s.Q1) / 2 / s.Median }

// GeoMean returns the geometric mean, or NaN of no values.
func GeoMean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += math.Log(v)
	}
	return math.Exp(sum / float64(len(values)))
}
