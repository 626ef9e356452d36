package mheap_test

import (
	"testing"

	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
	"github.com/stretchr/testify/require"
)

// smallClasses returns all classes of slots.
func smallClasses() []mheap.SpanClass {
	classes := []mheap.SpanClass{mheap.Tiny}
	for size := uint8(1); size < sizeclass.NumClasses; size++ {
		classes = append(classes, mheap.ClassOf(size, false), mheap.ClassOf(size, true))
	}
	return classes
}

func TestLayoutsAreTheSizeClasses(t *testing.T) {
	for size := uint8(1); size < sizeclass.NumClasses; size++ {
		for _, noscan := range []bool{false, true} {
			class := mheap.ClassOf(size, noscan)
			require.Equal(t, size, class.Size())
			require.Equal(t, noscan, class.Noscan())
			require.False(t, class.Large())
			l := class.Layout()
			require.EqualValues(t, sizeclass.Size[size], l.Bytes)
			require.EqualValues(t, sizeclass.Pages[size], l.Pages)
			require.EqualValues(t, sizeclass.Objects(size), l.Slots)
			require.EqualValues(t, sizeclass.TailWaste(size), l.Tail())
		}
	}
	for _, class := range []mheap.SpanClass{mheap.LargeScan, mheap.LargeNoscan} {
		require.True(t, class.Large())
		require.EqualValues(t, 1, class.Layout().Slots)
	}
	tiny := mheap.Tiny.Layout()
	require.False(t, mheap.Tiny.Large())
	require.True(t, mheap.Tiny.Noscan())
	require.EqualValues(t, sizeclass.NumClasses, mheap.Tiny.Size())
	require.EqualValues(t, mheap.TinyMax, tiny.Bytes)
	require.EqualValues(t, mheap.PageSize/mheap.TinyMax, tiny.Slots)
	require.Zero(t, tiny.Tail())
}

func TestScanAndNoscanAreDifferentClasses(t *testing.T) {
	seen := map[mheap.SpanClass]bool{mheap.Tiny: true}
	for size := range uint8(sizeclass.NumClasses) {
		for _, noscan := range []bool{false, true} {
			class := mheap.ClassOf(size, noscan)
			require.False(t, seen[class], "class %d", class)
			require.Less(t, int(class), mheap.NumSpanClasses)
			seen[class] = true
		}
	}
	require.Len(t, seen, 2*sizeclass.NumClasses+1)
}

func TestTheSlotOfEveryOffset(t *testing.T) {
	for _, class := range smallClasses() {
		l := class.Layout()
		for offset := uintptr(0); offset < uintptr(l.Pages)*mheap.PageSize; offset++ {
			i, first := l.Slot(offset)
			if i != offset/l.Bytes || first != (offset%l.Bytes == 0) {
				require.FailNow(t, "wrong slot", "class %d, offset %d: slot %d, first %t", class, offset, i, first)
			}
			if i >= class.StateBytes() {
				require.FailNow(t, "no state", "class %d, offset %d", class, offset)
			}
		}
	}
}
