package spanheap

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// Types that come to the same place in the table by words are told apart: who was first stays.
func TestTypesOfOnePlaceAreToldApart(t *testing.T) {
	type first struct{ A [3]uint64 }
	type second struct{ A *int }
	type third struct{ A [500]uint64 }
	h, err := NewHeap(Options{})
	require.NoError(t, err)
	places := []uintptr{typeWord[second](), typeWord[third]()}
	for _, word := range places {
		placeOf(word).Store(infoOf[first]())
	}
	_, err = New[second](h)
	require.ErrorIs(t, err, ErrPointers)
	v, err := New[third](h)
	require.NoError(t, err)
	v.A[499] = 1
	require.EqualValues(t, 4000, h.Stats().Live)
	Delete(v)
	for _, word := range places {
		require.Same(t, infoOf[first](), placeOf(word).Load())
	}
	require.NoError(t, h.Close())
}
