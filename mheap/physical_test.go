package mheap_test

import (
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// Where the operating system's pages are larger than ours, memory comes and goes by the larger ones,
// and scav spans consist of whole ones. Eight of our pages make up one of 64 KiB.

const physical16, physical64 = 16 << 10, 64 << 10

var physicalPlace = []literal{
	{
		"what is committed beside the span is free",
		"scav 16, used rest", "alloc 1",
		"used 1, free 7, scav 8, used rest",
	}, {
		"a span of whole physical pages",
		"scav 16, used rest", "alloc 8",
		"used 8, scav 8, used rest",
	}, {
		"one page into the next physical page",
		"scav 24, used rest", "alloc 9",
		"used 9, free 7, scav 8, used rest",
	}, {
		"the committed rest joins the free neighbour",
		"scav 8, free 3, used rest", "alloc 6",
		"used 6, free 5, used rest",
	}, {
		"aligned to more than a physical page",
		"used 8, scav 24, used rest", "alloc 1 align 16",
		"used 8, scav 8, used 1, free 7, scav 8, used rest",
	}, {
		"aligned to less than a physical page",
		"used 8, scav 16, used rest", "alloc 1 align 4",
		"used 8, used 1, free 7, scav 8, used rest",
	}, {
		"joining commits whole physical pages",
		"used 5, free 3, scav 16, used rest", "alloc 17",
		"used 5, used 17, free 2, used rest",
	}, {
		"joining commits no more of them than it takes",
		"used 5, free 11, scav 16, used rest", "alloc 17",
		"used 5, used 17, free 2, scav 8, used rest",
	},
}

var physicalRelease = []literal{
	{
		"all of it",
		"free 16, used rest", "release 16",
		"scav 16, used rest",
	}, {
		"whole physical pages alone",
		"used 1, free 16, used rest", "release 100",
		"used 1, free 7, scav 8, free 1, used rest",
	}, {
		"the end of the span first",
		"free 24, used rest", "release 8",
		"free 16, scav 8, used rest",
	}, {
		"none that is in use in part",
		"used 1, free 7, used 1, free 14, used rest", "release 100",
		"used 1, free 7, used 1, free 14, used rest",
	},
}

func TestPlacingWithLargePhysicalPages(t *testing.T) {
	play(t, []uintptr{physical64}, physicalPlace)
}

func TestReleasingLargePhysicalPages(t *testing.T) {
	play(t, []uintptr{physical64}, physicalRelease)
}

func TestAPhysicalPageInUseInPartIsNotReleased(t *testing.T) {
	for _, physical := range []uintptr{4 << 10, mheap.PageSize, physical16, physical64} {
		r := newRig(t, physical)
		perPhysical := max(1, physical/mheap.PageSize)
		var spans []*mheap.Span
		for range 20 * perPhysical {
			spans = append(spans, r.alloc(1))
		}
		r.alloc(mheap.PagesPerArena - uintptr(len(spans)))
		// In every second physical page one of ours stays in use, and the others are given back.
		for i, s := range spans {
			if page := uintptr(i) / perPhysical; page%2 == 0 || uintptr(i)%perPhysical != 0 {
				r.Free(s)
			}
		}
		require.Equal(t, 10*max(physical, mheap.PageSize), r.Release(1<<30))
		r.verify()
	}
}

// A physical page goes back though there is no memory for the records of what stays around it: what it gives is then
// there for the next ones'.
func TestLargePhysicalPagesGoBackWithoutMemoryForRecords(t *testing.T) {
	r := newRig(t, physical64)
	r.alloc(1)
	free := r.alloc(6 * physical64 / mheap.PageSize)
	r.alloc(mheap.PagesPerArena - 1 - free.Pages())
	r.Free(free)
	r.Budget().SetLimit(r.Budget().Backed(), 0)
	for {
		if _, err := r.Meta().Alloc(64); err != nil {
			require.ErrorIs(t, err, mheap.ErrLimit)
			break
		}
	}
	for range 6 {
		require.Equal(t, uintptr(physical64), r.Release(physical64))
		r.verify()
		for range physical64 / 64 {
			_, err := r.Meta().Alloc(64)
			require.NoError(t, err)
		}
	}
	require.Zero(t, r.Release(physical64))
	r.verify()
}
