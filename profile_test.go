package spanheap_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/spanheap/spanheap"
	"github.com/spanheap/spanheap/internal/pprofproto/pprofprototest"
	"github.com/stretchr/testify/require"
)

// valuesIn returns the sums of the values of a profile, over the samples of the heap of that name.
func valuesIn(t *testing.T, p *spanheap.Profile, heap string) (sums [5]int64) {
	t.Helper()
	var file bytes.Buffer
	require.NoError(t, p.Write(&file))
	decoded, err := pprofprototest.Decode(file.Bytes())
	require.NoError(t, err)
	for _, s := range decoded.Samples {
		for _, l := range s.Labels {
			if l.Key == "heap" && l.Text == heap {
				for i, v := range s.Values {
					sums[i] += v
				}
			}
		}
	}
	return sums
}

func TestAProfileOfTheTimeBetween(t *testing.T) {
	profileRate(t, 1)
	h := newHeap(t)
	var old [][]byte
	for range 10 {
		old = append(old, alloc(t, h, 100)) // in slots of 104
	}
	early := spanheap.ReadProfile()
	require.Equal(t, [5]int64{10, 1000, 10, 1000, 40}, valuesIn(t, early, t.Name()))
	for _, b := range old[:4] {
		h.Free(b)
	}
	alloc(t, h, 100_000)
	late := spanheap.ReadProfile()
	require.Equal(t, [5]int64{10, 1000, 10, 1000, 40}, valuesIn(t, early, t.Name()), "a profile does not change")
	require.Equal(t, [5]int64{1, 100_000, 1 - 4, 100_000 - 400, 6496 - 16}, valuesIn(t, late.Since(early), t.Name()))
	require.Equal(t, [5]int64{}, valuesIn(t, late.Since(late), t.Name()))

	var file bytes.Buffer
	require.NoError(t, late.Since(early).Write(&file))
	change, err := pprofprototest.Decode(file.Bytes())
	require.NoError(t, err)
	require.Positive(t, change.Duration)

	var text strings.Builder
	require.NoError(t, late.Since(early).WriteText(&text))
	require.Contains(t, text.String(), "in use: -4 blocks, -400 bytes, wasting -16; allocated: 0 blocks, 0 bytes; class 13\n")
	text.Reset()
	require.NoError(t, spanheap.ReadProfileOf(h).WriteText(&text))
	first, second, _ := strings.Cut(text.String(), "class large")
	require.Contains(t, first, "in use: 1 block, 100000 bytes, wasting 6496; allocated: 1 block, 100000 bytes; ")
	require.Contains(t, second, "in use: 6 blocks, 600 bytes, wasting 24; allocated: 10 blocks, 1000 bytes; class 13\n")
	require.Contains(t, second, "spanheap_test.TestAProfileOfTheTimeBetween")

	require.NoError(t, h.Close())
	require.Equal(t, [5]int64{}, valuesIn(t, spanheap.ReadProfile().Since(early), t.Name()), "a closed heap has no part")
}
