package mheap

import "github.com/spanheap/spanheap/sizeclass"

// SpanClass says what a span is cut into: a size class, and whether its slots may hold references
// to other blocks (scan) or not (noscan): class<<1 | noscan. Class 0 is one large object; one
// class above the size classes is tiny: noscan slots smaller than any of theirs. The class above
// that is of the span of guarded blocks, which has neither central nor magazines.
type SpanClass uint8

const (
	LargeScan   SpanClass = 0
	LargeNoscan SpanClass = 1
	Tiny        SpanClass = sizeclass.NumClasses<<1 | 1

	NumSpanClasses = int(Tiny) + 1

	Guarded = Tiny + 1

	TinyMax = 4 // bytes of a tiny slot, and of the largest block that is tiny
)

// ClassOf returns the span class of a size class.
func ClassOf(class uint8, noscan bool) SpanClass {
	sc := SpanClass(class) << 1
	if noscan {
		sc |= 1
	}
	return sc
}

// Noscan tells whether the slots hold no references.
func (sc SpanClass) Noscan() bool { return sc&1 != 0 }

// Size returns the class's size class: 0 for large objects, sizeclass.NumClasses for tiny.
//
//go:nosplit
func (sc SpanClass) Size() uint8 { return uint8(sc >> 1) }

// Large tells whether spans of the class are one large object.
func (sc SpanClass) Large() bool { return sc <= LargeNoscan }

// Layout is the arithmetic of a span class. It is fixed; the table of it is read on every free.
type Layout struct {
	magic uint64  // reciprocal of Bytes: offset*magic>>32 is offset/Bytes for offsets in the span
	Bytes uintptr // of a slot; 0 for large objects
	Pages uint32  // of the shortest span; 0 for large objects
	Slots uint32  // of the shortest span
}

// layouts has a place for every value of a SpanClass, so that looking one up needs no check.
var layouts = makeLayouts()

func makeLayouts() (t [256]Layout) {
	t[LargeScan] = Layout{Slots: 1}
	t[LargeNoscan] = Layout{Slots: 1}
	for c := 1; c < sizeclass.NumClasses; c++ {
		l := Layout{
			magic: uint64(sizeclass.Magic[c]),
			Bytes: uintptr(sizeclass.Size[c]),
			Pages: uint32(sizeclass.Pages[c]),
			Slots: uint32(sizeclass.Pages[c]) * PageSize / uint32(sizeclass.Size[c]),
		}
		t[c<<1], t[c<<1|1] = l, l
	}
	t[Tiny] = Layout{magic: 1 << 32 / TinyMax, Bytes: TinyMax, Pages: 1, Slots: PageSize / TinyMax}
	t[Guarded] = Layout{magic: 1 << 32 / GuardSlot, Bytes: GuardSlot, Pages: guardPages, Slots: GuardSlots + 1}
	return t
}

// Small returns the class of blocks of n bytes, 0 < n <= sizeclass.MaxSmall.
func Small(n uintptr, noscan bool) SpanClass {
	if noscan {
		return SmallNoscan(n)
	}
	return ClassOf(sizeclass.Of(n), false)
}

// smallNoscan is the span class of noscan blocks by their size in words of 4 bytes.
var smallNoscan = makeSmallNoscan()

func makeSmallNoscan() (t [sizeclass.MaxSmall/4 + 1]SpanClass) {
	t[1] = Tiny
	for i := 2; i < len(t); i++ {
		t[i] = ClassOf(sizeclass.Of(uintptr(i)*4), true)
	}
	return t
}

// SmallNoscan is Small(n, true), and LargeScan, whose magazines are empty, for n = 0.
//
//go:nosplit
func SmallNoscan(n uintptr) SpanClass { return smallNoscan[(n+3)/4] }

// magics are the reciprocals of the classes of small slots; 0 for all others.
var magics = makeMagics()

func makeMagics() (t [256]uint64) {
	for i := range NumSpanClasses {
		if class := SpanClass(i); !class.Large() {
			t[i] = class.Layout().magic
		}
	}
	return t
}

// Layout returns the class's arithmetic.
func (sc SpanClass) Layout() *Layout { return &layouts[sc] }

// MaxSpanBytes bounds the spans of small slots. A class's reciprocal is exact up to there, since its
// error, below 2^-32 of the slot's size, adds up to less than a slot's reciprocal.
const MaxSpanBytes = 128 << 10

// SlotsIn returns how many slots a span of npages is cut into: no fewer than the class's pages, and
// MaxSpanBytes at most; any for a large object.
func (sc SpanClass) SlotsIn(npages uintptr) uint32 {
	l := sc.Layout()
	if sc.Large() {
		return l.Slots
	}
	return uint32(npages << PageShift / l.Bytes)
}

// stateBytes returns how long the states of a span of npages are. Where the span has a tail, a place behind
// the last slot's keeps addresses in it from leading past the end.
func (sc SpanClass) stateBytes(npages uintptr) uintptr {
	l, places := sc.Layout(), uintptr(sc.SlotsIn(npages))
	if places*l.Bytes < npages<<PageShift {
		places++
	}
	return places
}

// Slot returns which slot the byte at offset in the span lies in, and whether the slot begins there.
func (l *Layout) Slot(offset uintptr) (i uintptr, first bool) {
	i = uintptr(uint64(offset) * l.magic >> 32)
	return i, i*l.Bytes == offset
}
