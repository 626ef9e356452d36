// Package sizeclass holds the table of size classes and its arithmetic.
//
// A size class is one slot size with the length of the spans that are cut into such slots. Classes
// are numbered by size from 1; class 0 stands for large objects, which have a span each and no fixed
// size: its entries in the tables are 0. A request of n bytes, 0 < n <= MaxSmall, belongs to the
// smallest class of at least n bytes.
//
// The package keeps no state, and its tables are never written: every function may be called from
// any goroutine. Functions that take a class want one below NumClasses and panic on others.
//
// The scheme is TCMalloc's. Sizes differ by 8 bytes up to 128, then by an eighth of the power of two below, above 8192
// by a quarter: finer than the Go runtime's, where objects are many. Package gen/classes, which the tables come from,
// has the reasons and the proofs.
package sizeclass

import "math/bits"

//go:generate go run ../gen -even -o classes.go

// Of returns the class of a request of n bytes, 0 for n = 0. The caller has made sure that n is at
// most MaxSmall; for other n the result is meaningless, or Of panics.
//
// The index is the smaller of two counts of steps, which meet at SmallMax. It is picked by a mask:
// the compiler has no conditional move for what a load's address depends on, so min would be a
// branch, mispredicted where small and large sizes mix.
func Of(n uintptr) uint8 {
	const smallSteps = SmallMax / SmallStep
	small := (n + SmallStep - 1) / SmallStep
	large := (n + smallSteps*LargeStep - SmallMax + LargeStep - 1) / LargeStep
	isSmall := uintptr(int(n-SmallMax) >> (bits.UintSize - 1)) // all ones, or 0
	return classOf[large+(small-large)&isSmall]
}

// RoundUp returns the bytes of the slot that a request of n bytes gets, 0 for n = 0. As for Of, n is
// at most MaxSmall.
func RoundUp(n uintptr) uintptr {
	return uintptr(Size[Of(n)])
}

// Slot returns which slot of a span of the class holds the byte at offset, both counted from 0. It
// is offset divided by the class's size, exactly, for every offset up to the span's end; in the
// span's tail it is the number of slots. The one slot of a large object's span is 0.
func Slot(offset uintptr, class uint8) uintptr {
	return uintptr(uint64(offset) * uint64(Magic[class]) >> 32)
}

// SpanBytes returns the bytes of one span of the class.
func SpanBytes(class uint8) uintptr {
	return uintptr(Pages[class]) << PageShift
}

// Objects returns how many slots a span of the class has.
func Objects(class uint8) int {
	return int(Slot(SpanBytes(class), class))
}

// TailWaste returns the bytes at the end of a span of the class that are in no slot.
func TailWaste(class uint8) int {
	return int(SpanBytes(class)) - Objects(class)*int(Size[class])
}

// MaxWaste returns the share of a span of the class, 0 to 1, that is wasted when the span is full of
// the smallest objects of the class: rounding and tail. It is 0 for class 0.
func MaxWaste(class uint8) float64 {
	if class == 0 {
		return 0
	}
	rounding := int(Size[class]-Size[class-1]-1) * Objects(class)
	return float64(rounding+TailWaste(class)) / float64(SpanBytes(class))
}

// MinAlign returns the alignment in bytes that every slot of the class has: the largest power of two
// that divides its size, but at most a page. Large objects begin at a page.
func MinAlign(class uint8) int {
	size := int(Size[class]) | PageSize
	return size & -size
}
