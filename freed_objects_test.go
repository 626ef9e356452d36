package spanheap_test

import (
	"math/rand/v2"
	"testing"

	"github.com/stretchr/testify/require"
)

// Whatever is written to freed objects changes nothing: all that the heap knows lies elsewhere.
func TestNothingIsKeptInFreedObjects(t *testing.T) {
	profileRate(t, 0)
	h := newHeap(t)
	r := rand.New(rand.NewPCG(1, 7))
	var live []tenant
	for range loops(20_000) {
		if len(live) > 300 || len(live) > 0 && r.IntN(3) == 0 {
			k := r.IntN(len(live))
			x := live[k]
			live[k] = live[len(live)-1]
			live = live[:len(live)-1]
			require.NoError(t, x.intact())
			h.Free(x.bytes)
			for i := range x.bytes {
				x.bytes[i] = 0xff
			}
			continue
		}
		b, err := h.AllocUninit(1 + logUniform(r, 16))
		require.NoError(t, err)
		live = append(live, movedIn(b, r.Uint64()))
	}
	require.NoError(t, h.Verify())
	for _, x := range live {
		require.NoError(t, x.intact())
		h.Free(x.bytes)
	}
	closeEmpty(t, h)
}
