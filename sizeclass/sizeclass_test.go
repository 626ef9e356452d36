package sizeclass

import (
	"math/bits"
	"testing"

	"github.com/stretchr/testify/require"
)

func TestEverySizeGetsTheSmallestClassThatHoldsIt(t *testing.T) {
	require.Zero(t, Of(0))
	require.Zero(t, RoundUp(0))
	for n := uintptr(1); n <= MaxSmall; n++ {
		class := Of(n)
		if class == 0 || uintptr(Size[class]) < n || uintptr(Size[class-1]) >= n {
			t.Fatalf("%d bytes are in class %d of %d bytes", n, class, Size[class])
		}
		if got := RoundUp(n); got != uintptr(Size[class]) {
			t.Fatalf("%d bytes are rounded up to %d, in class %d of %d bytes", n, got, class, Size[class])
		}
	}
}

func TestEveryClassIsTheClassOfItsSize(t *testing.T) {
	for class := range uint8(NumClasses) {
		require.Equal(t, class, Of(uintptr(Size[class])))
	}
	require.EqualValues(t, MaxSmall, Size[NumClasses-1])
}

func TestSizesRiseInWholeSteps(t *testing.T) {
	for class := 1; class < NumClasses; class++ {
		require.Greater(t, Size[class], Size[class-1])
		require.Zero(t, Size[class]%SmallStep)
		if Size[class] > SmallMax {
			require.Zero(t, Size[class]%LargeStep)
		}
	}
}

func TestSpansKeepToTheLimits(t *testing.T) {
	longest, most := 0, 0
	for class := uint8(1); class < NumClasses; class++ {
		size, span, objects, tail := int(Size[class]), int(SpanBytes(class)), Objects(class), TailWaste(class)
		require.Equal(t, int(Pages[class])*PageSize, span)
		require.Equal(t, span/size, objects)
		require.Equal(t, span%size, tail)
		require.Positive(t, objects)
		require.LessOrEqual(t, float64(tail), wasteLimit*float64(span), "class %d", class)
		switch below := Size[class-1]; {
		case below >= 8192:
			require.Less(t, MaxWaste(class), wasteLimit+0.2, "class %d", class)
		case below >= 128:
			require.Less(t, MaxWaste(class), wasteLimit+0.125, "class %d", class)
		default:
			require.LessOrEqual(t, size-int(below), SmallStep, "class %d", class)
		}
		require.LessOrEqual(t, int(Pages[class]), pagesLimit)
		longest = max(longest, int(Pages[class]))
		most = max(most, objects)
	}
	require.Equal(t, LargestPages, longest)
	require.Equal(t, MostObjects, most)
}

func TestSlotDividesEveryOffsetExactly(t *testing.T) {
	for class := uint8(1); class < NumClasses; class++ {
		slot, first, next := uintptr(0), uintptr(0), uintptr(Size[class])
		for offset := range SpanBytes(class) + 1 {
			if offset == next {
				slot, first, next = slot+1, next, next+uintptr(Size[class])
			}
			if got := Slot(offset, class); got != slot {
				t.Fatalf("offset %d of class %d is in slot %d, which is from %d to %d, not in %d",
					offset, class, slot, first, next-1, got)
			}
		}
	}
}

func TestEverySlotHasTheClassesAlignment(t *testing.T) {
	for class := uint8(1); class < NumClasses; class++ {
		align := MinAlign(class)
		require.Equal(t, 1, bits.OnesCount(uint(align)))
		require.LessOrEqual(t, align, PageSize)
		misaligned := 0
		for slot := range Objects(class) {
			offset := slot * int(Size[class])
			require.Zero(t, offset%align)
			if align < PageSize && offset%(2*align) != 0 {
				misaligned++
			}
		}
		if align < PageSize && Objects(class) > 1 {
			require.NotZero(t, misaligned, "class %d has twice the alignment of %d", class, align)
		}
		if size := Size[class]; bits.OnesCount32(size) == 1 {
			require.Equal(t, min(int(size), PageSize), align)
		}
	}
}

func TestMaxWasteIsTheWorstOfTheClass(t *testing.T) {
	for class := uint8(1); class < NumClasses; class++ {
		span := int(SpanBytes(class))
		worst := 0
		for n := int(Size[class-1]) + 1; n <= int(Size[class]); n++ {
			worst = max(worst, span-Objects(class)*n)
		}
		require.InDelta(t, float64(worst)/float64(span), MaxWaste(class), 1e-12)
		if Size[class-1] >= 128 {
			require.Less(t, MaxWaste(class), wasteLimit+1.0/8, "class %d", class)
		}
	}
}

func TestClass0HasNoSlotsOfItsOwn(t *testing.T) {
	require.Zero(t, Size[0])
	require.Zero(t, SpanBytes(0))
	require.Zero(t, Objects(0))
	require.Zero(t, TailWaste(0))
	require.Zero(t, MaxWaste(0))
	require.Equal(t, PageSize, MinAlign(0))
	require.Zero(t, Slot(MaxSmall+1, 0))
	require.Zero(t, Slot(^uintptr(0), 0))
}

func TestFunctionsPanicBeyondTheLastClass(t *testing.T) {
	require.Panics(t, func() { Of(MaxSmall + 1) })
	require.Panics(t, func() { RoundUp(MaxSmall + 1) })
	require.Panics(t, func() { Slot(0, NumClasses) })
	require.Panics(t, func() { SpanBytes(NumClasses) })
	require.Panics(t, func() { Objects(NumClasses) })
	require.Panics(t, func() { TailWaste(NumClasses) })
	require.Panics(t, func() { MaxWaste(NumClasses) })
	require.Panics(t, func() { MinAlign(NumClasses) })
}
