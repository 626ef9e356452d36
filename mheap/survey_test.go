package mheap_test

import (
	"math/rand/v2"
	"testing"

	"github.com/spanheap/spanheap/arena"
	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// survey returns all that a survey tells of the heap, and in how many steps.
func survey(h *mheap.Heap) (found []mheap.Stretch, steps int) {
	for from := uintptr(0); ; {
		steps++
		if found, from = h.Survey(found, from); from == 0 {
			return found, steps
		}
	}
}

// requireSurveyed checks that the survey covers the heap's arenas without a gap, and agrees with Usage.
func requireSurveyed(t *testing.T, h *mheap.Heap) []mheap.Stretch {
	t.Helper()
	found, _ := survey(h)
	sums := map[mheap.Use]uint64{}
	end := uintptr(0)
	for _, x := range found {
		require.GreaterOrEqual(t, x.Base, end, "in order, none twice")
		require.Positive(t, x.Bytes)
		end = x.Base + x.Bytes
		sums[x.Use] += uint64(x.Bytes)
	}
	u := h.Usage()
	require.Equal(t, u.FreePages, sums[mheap.Free])
	require.Equal(t, u.Released, sums[mheap.Released])
	require.Equal(t, u.Untouched, sums[mheap.Untouched])
	require.Equal(t, u.Arenas*arena.Size, sums[mheap.InUse]+sums[mheap.Free]+sums[mheap.Released]+sums[mheap.Untouched])
	return found
}

func TestASurveyOfNothing(t *testing.T) {
	require.Empty(t, requireSurveyed(t, newRig(t, mheap.PageSize).Heap))
}

func TestASurveyTellsOfEveryPlace(t *testing.T) {
	r := newRig(t, mheap.PageSize)
	class := mheap.ClassOf(13, true)
	first, err := r.Alloc(1, class, 0)
	require.NoError(t, err)
	gone, err := r.Alloc(3, class, 0)
	require.NoError(t, err)
	large, err := r.Alloc(300, mheap.LargeScan, 0)
	require.NoError(t, err)
	var slots [5]mheap.Slot
	require.Equal(t, 5, first.Take(slots[:]))
	mheap.SetSlotState(slots[0].State, mheap.Live)
	mheap.SetSlotState(slots[1].State, mheap.Noted)
	mheap.SetSlotState(large.States(), mheap.Live)
	base := first.Base()
	r.Heap.Free(gone)

	found := requireSurveyed(t, r.Heap)
	require.Len(t, found, 5)
	require.Equal(t, mheap.Stretch{Base: base, Bytes: mheap.PageSize, Class: class, Slots: 78, Live: 2, Held: 3}, found[0])
	require.Equal(t, mheap.Stretch{Base: base + mheap.PageSize, Bytes: 3 * mheap.PageSize, Use: mheap.Free}, found[1])
	require.Equal(t, mheap.Stretch{Base: base + 4*mheap.PageSize, Bytes: 300 * mheap.PageSize,
		Class: mheap.LargeScan, Slots: 1, Live: 1}, found[2])
	require.Equal(t, mheap.Released, found[3].Use, "what was committed for the next")
	require.Equal(t, mheap.Untouched, found[4].Use)

	r.Release(3 * mheap.PageSize)
	require.Equal(t, mheap.Released, requireSurveyed(t, r.Heap)[1].Use)
}

// However the heap is cut up, over several arenas, a survey in many steps covers it.
func TestASurveyOfManySteps(t *testing.T) {
	r := newRig(t, mheap.PageSize)
	random := rand.New(rand.NewPCG(8, 1))
	var spans []*mheap.Span
	for i := range 900 {
		class, npages := mheap.ClassOf(1, true), uintptr(1)
		if i%3 == 0 {
			class, npages = mheap.LargeNoscan, 1+uintptr(random.IntN(arena.Size>>mheap.PageShift/4))
		}
		s, err := r.Alloc(npages, class, 0)
		if err != nil { // the room of the test is used up
			continue
		}
		if spans = append(spans, s); i%2 == 0 {
			k := random.IntN(len(spans))
			r.Heap.Free(spans[k])
			spans[k] = spans[len(spans)-1]
			spans = spans[:len(spans)-1]
		}
		if i%50 == 0 {
			r.Release(uintptr(random.IntN(16 << 20)))
			inUse := 0
			for _, x := range requireSurveyed(t, r.Heap) {
				if x.Use == mheap.InUse {
					inUse++
				}
			}
			require.Equal(t, len(spans), inUse)
		}
	}
	require.Greater(t, r.Usage().Arenas, uint64(1))
	_, steps := survey(r.Heap)
	require.Greater(t, steps, 2)
}
