package mheap_test

import (
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/stretchr/testify/require"
)

// small are the sizes of the operating system's pages that are no larger than ours.
var small = []uintptr{4 << 10, mheap.PageSize}

// bestFit: the orders of the tree are where the Go runtime's page heap went wrong before
// (golang/go#31616, golang/go#28805).
var bestFit = []literal{
	{
		"the only one",
		"used 1, free 3, used rest", "alloc 3",
		"used 1, used 3, used rest",
	}, {
		"the shortest that is long enough",
		"free 5, used 1, free 3, used 1, free 4, used rest", "alloc 3",
		"free 5, used 1, used 3, used 1, free 4, used rest",
	}, {
		"too short ones are passed",
		"free 2, used 1, free 9, used 1, free 1, used 1, free 7, used rest", "alloc 3",
		"free 2, used 1, free 9, used 1, free 1, used 1, used 3, free 4, used rest",
	}, {
		"the lowest of equals",
		"used 1, free 3, used 1, free 3, used 1, free 3, used rest", "alloc 2",
		"used 1, used 2, free 1, used 1, free 3, used 1, free 3, used rest",
	}, {
		"the lowest of equals that are scav",
		"used 1, scav 3, used 1, scav 3, used 1, scav 3, used rest", "alloc 2",
		"used 1, used 2, scav 1, used 1, scav 3, used 1, scav 3, used rest",
	}, {
		"free before scav of the same length",
		"scav 3, used 1, free 3, used rest", "alloc 2",
		"scav 3, used 1, used 2, free 1, used rest",
	}, {
		"free before scav that is much shorter",
		"scav 3, used 1, free 48, used rest", "alloc 2",
		"scav 3, used 1, used 2, free 46, used rest",
	}, {
		"scav before free that is far longer",
		"free 49, used 1, scav 3, used rest", "alloc 2",
		"free 49, used 1, used 2, scav 1, used rest",
	}, {
		"free that is far longer, where no scav is long enough",
		"free 49, used 1, scav 3, used rest", "alloc 4",
		"used 4, free 45, used 1, scav 3, used rest",
	}, {
		"the tail of a scav stays scav",
		"used 1, scav 9, used rest", "alloc 4",
		"used 1, used 4, scav 5, used rest",
	},
}

var coalescing = []literal{
	{
		"nobody to join",
		"used 1, used 2, used rest", "free 1",
		"used 1, free 2, used rest",
	}, {
		"the one before",
		"free 1, used 2, used rest", "free 1",
		"free 3, used rest",
	}, {
		"the one behind",
		"used 1, used 2, free 3, used rest", "free 1",
		"used 1, free 5, used rest",
	}, {
		"both",
		"used 1, free 3, used 2, free 4, used rest", "free 4",
		"used 1, free 9, used rest",
	}, {
		"not scav ones",
		"used 1, scav 3, used 2, scav 4, used rest", "free 4",
		"used 1, scav 3, free 2, scav 4, used rest",
	}, {
		"the one of its state",
		"used 1, scav 3, used 2, free 4, used rest", "free 4",
		"used 1, scav 3, free 6, used rest",
	}, {
		"the first page of the arena",
		"used 1, free 3, used rest", "free 0",
		"free 4, used rest",
	}, {
		"the last page of the arena",
		"used 1, free 3, used rest", "free 4",
		"used 1, free rest",
	},
}

var alignment = []literal{
	{
		"cut from the middle of a free span",
		"used 1, free 9, used rest", "alloc 2 align 4",
		"used 1, free 3, used 2, free 4, used rest",
	}, {
		"cut from the middle of a scav span",
		"used 1, scav 9, used rest", "alloc 2 align 4",
		"used 1, scav 3, used 2, scav 4, used rest",
	}, {
		"aligned already",
		"used 4, free 9, used rest", "alloc 2 align 4",
		"used 4, used 2, free 7, used rest",
	}, {
		"up to the end",
		"used 5, free 5, used rest", "alloc 2 align 4",
		"used 5, free 3, used 2, used rest",
	}, {
		"a page's alignment is any page's",
		"used 3, free 2, used rest", "alloc 2 align 1",
		"used 3, used 2, used rest",
	},
}

// joining: no span is long enough, but neighbours together are, and the heap does not grow.
var joining = []literal{
	{
		"free, then scav",
		"used 1, free 3, scav 3, used rest", "alloc 6",
		"used 1, used 6, used rest",
	}, {
		"scav, then free",
		"used 1, scav 3, free 3, used rest", "alloc 6",
		"used 1, used 6, used rest",
	}, {
		"no more of the scav than it takes",
		"used 1, free 3, scav 3, used rest", "alloc 4",
		"used 1, used 4, scav 2, used rest",
	}, {
		"scav between two free",
		"used 1, free 2, scav 3, free 3, used rest", "alloc 8",
		"used 1, used 8, used rest",
	}, {
		"free between two scav",
		"used 1, scav 2, free 3, scav 3, used rest", "alloc 8",
		"used 1, used 8, used rest",
	}, {
		"five in turn",
		"used 1, free 1, scav 2, free 1, scav 2, free 1, used rest", "alloc 7",
		"used 1, used 7, used rest",
	}, {
		"one of those in turn is not needed, and free itself",
		"used 1, free 1, scav 5, free 3, used rest", "alloc 7",
		"used 1, used 7, free 2, used rest",
	}, {
		"with an alignment",
		"used 1, free 3, scav 4, used rest", "alloc 2 align 4",
		"used 1, free 3, used 2, scav 2, used rest",
	},
}

func TestBestFit(t *testing.T)    { play(t, small, bestFit) }
func TestCoalescing(t *testing.T) { play(t, small, coalescing) }
func TestAlignment(t *testing.T)  { play(t, small, alignment) }
func TestJoining(t *testing.T)    { play(t, small, joining) }

func TestSplittingAScavSpanKeepsTheCounts(t *testing.T) {
	r := newRig(t, 4<<10)
	r.build("used 1, scav 9, used rest")
	before := r.Usage()
	r.do("alloc 4")
	after := r.Usage()
	require.EqualValues(t, 9*mheap.PageSize, before.Released)
	require.EqualValues(t, 5*mheap.PageSize, after.Released)
	require.Zero(t, after.FreePages)
}

func TestMemoryThatMayHoldOldBytesIsSaidToNeedZeroing(t *testing.T) {
	r := newRig(t, 4<<10)
	first := r.alloc(2)
	require.False(t, first.NeedZero(), "fresh")
	r.alloc(1) // keeps the next one apart
	r.Free(first)
	again := r.alloc(2)
	require.True(t, again.NeedZero(), "used before")
	r.Free(again)
	require.NotZero(t, r.Release(1<<20))
	require.False(t, r.alloc(2).NeedZero(), "given back")
}

func TestImpossibleLengthsAreRefused(t *testing.T) {
	r := newRig(t, 4<<10)
	most := ^uintptr(0) >> mheap.PageShift
	for _, npages := range []uintptr{0, most, most + 1, ^uintptr(0)} {
		_, err := r.Alloc(npages, mheap.LargeNoscan, 0)
		require.Error(t, err, "%d pages", npages)
	}
	_, err := r.Alloc(most/2, mheap.LargeNoscan, 1<<30)
	require.Error(t, err)
	_, err = r.Alloc(roomBytes>>mheap.PageShift+1, mheap.LargeNoscan, 0)
	require.Error(t, err, "more than there is room for")
	require.Zero(t, r.Usage().Arenas)
	r.verify()
	r.alloc(1)
}
