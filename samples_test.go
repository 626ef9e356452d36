package spanheap

import (
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
