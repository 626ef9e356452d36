// Package classes chooses size classes and writes them down as Go source.
//
// A request for n bytes gets a slot of the smallest class of at least n bytes; what the slot has
// beyond n is rounding. A span is cut into as many slots as fit; what is left is its tail. Many
// classes make little rounding, but spread a program's objects over many spans that are partly
// empty. The choice weighs the two as TCMalloc does, with the numbers of the Go runtime:
//
//  1. Candidates lie on a grid that widens with the size s: steps of 8 bytes below 32, of 16 below
//     256, then of an eighth of the power of two at or below s, but never of more than 256. A step
//     is at most s/8 from 128 bytes up. The last candidate is -max.
//  2. A candidate's span has the fewest pages whose tail takes at most the share -waste.
//  3. Neighbours that get equally many slots from spans of equal length cost the same memory for
//     each object; the largest of them serves for all.
//  4. Where a span has room to spare its slots grow, up to the largest multiple of 128 of which
//     equally many fit, but neither to the next class's size nor beyond -max. It costs
//     nothing, and leaves fewer sizes to be rounded up to the next class.
//  5. A span of fewer than -objects slots gets the fewest pages that hold as many, or as many as
//     -maxpages and the reciprocal (below) allow; its tail's share never grows by it. The sizes
//     stay what steps 1 to 4 made them: long spans fit all sizes well, so that step 3 would keep
//     nearly every candidate.
//
// With -even the grid has steps of 8 bytes below 128, of an eighth of the power of two below 8192, of a
// quarter above, and steps 3 and 4 are left out. That is for an allocator whose spans become longer where
// there are many of them, which tells sizes apart that the shortest spans do not, and for objects that are
// of words, or a little larger than a power of two.
//
// From 128 bytes up, a span full of objects of any size that its class serves is wasted by less than
// the share -waste + 1/8: with s the smallest candidate that the class stands for, its slots of s
// bytes fill at least 1 - waste of the span, and its objects have more than 8/9·s bytes. With -even it
// is -waste + 1/5 from 8192 bytes up.
//
// # Lookup
//
// Up to 1024 bytes the sizes are multiples of 8, above it of 128, so that a request's class depends
// on its size in steps of 8 or of 128 alone, rounded up:
//
//	a(n) = ⌈n/8⌉ up to 1024, b(n) = ⌈(n-1024)/128⌉ + 128 above
//
// Both are 128 at n = 1024, and a is the steeper: for every n the index into one table is the
// smaller of the two, which can be had without a branch.
//
// # Reciprocals
//
// The slot that holds offset n of a span with slots of d bytes is ⌊n/d⌋. Let m = ⌈2³²/d⌉, so that
// m·d = 2³² + e with 0 <= e < d. With n = q·d + r, 0 <= r < d,
//
//	n·m / 2³² = n/d + n·e/(d·2³²) = q + (r + n·e/2³²)/d
//
// and its floor is q exactly if r + n·e/2³² < d. As r <= d-1, it is so for every n with
//
//	n·e < 2³²
//
// (Granlund and Montgomery 1994 treat the general case). Choose makes sure of this for the end of
// each class's span, which no offset exceeds. If d is a power of two then e = 0, and every n will do.
package classes

import (
	"fmt"
	"math/bits"
)

const (
	smallStep = 8    // sizes up to smallMax are multiples of it
	smallMax  = 1024 // where the lookup's step changes
	largeStep = 128  // sizes above smallMax are multiples of it

	alignedFrom = 32 // sizes from here on are multiples of alignedStep
	alignedStep = 16
	widestStep  = 256

	evenSmall = 128  // with -even steps are of 8 bytes below
	evenFine  = 8192 // and of an eighth below, of a quarter above

	// A span class, the class doubled and one bit, fits a byte and leaves 255 free as a mark.
	maxClasses = 127
)

// Class is one slot size with its span length, both in bytes. The zero Class is class 0, which
// stands for large objects.
type Class struct {
	Size int
	Span int
}

// Objects returns the number of slots of a span.
func (c Class) Objects() int { return c.Span / c.Size }

// TailWaste returns the bytes of a span that are in no slot.
func (c Class) TailWaste() int { return c.Span % c.Size }

// tailShare returns the tail's share of a span: 1 when not even one slot fits.
func (c Class) tailShare() float64 { return float64(c.TailWaste()) / float64(c.Span) }

// Choose returns the size classes for p by number, class 0 included. Its error names the flag that
// is to blame.
func Choose(p Params) ([]Class, error) {
	if err := p.check(); err != nil {
		return nil, err
	}
	classes := []Class{{}}
	for _, size := range p.candidates() {
		c := Class{Size: size, Span: p.shortestSpan(size)}
		if c.Span == 0 {
			return nil, fmt.Errorf("-waste %v: slots of %d bytes leave a larger tail in every span of up to %d pages (-maxpages)",
				p.Waste, size, p.MaxPages)
		}
		if last := len(classes) - 1; last > 0 && !p.Even && sameCost(c, classes[last]) {
			classes[last] = c
		} else {
			classes = append(classes, c)
		}
	}
	if len(classes) > maxClasses {
		return nil, fmt.Errorf("-waste %v (with -page %d -max %d): needs %d classes, more than the %d allowed",
			p.Waste, p.Page, p.Max, len(classes), maxClasses)
	}
	ceiling := p.Max
	for i := len(classes) - 1; i > 0; i-- {
		c := classes[i]
		if !p.Even {
			c = c.grow(ceiling)
		}
		if !c.reciprocalExact() {
			return nil, fmt.Errorf("-max %d (with -page %d -waste %v): the 32-bit reciprocal of %d is not exact in a span of %d pages",
				p.Max, p.Page, p.Waste, c.Size, c.Span/p.Page)
		}
		classes[i] = p.lengthen(c)
		ceiling = c.Size - 1
	}
	return classes, nil
}

// candidates returns the sizes worth a thought, ascending; p.Max is the last.
func (p Params) candidates() []int {
	next := step
	if p.Even {
		next = evenStep
	}
	var sizes []int
	for size := smallStep; size < p.Max; size += next(size) {
		sizes = append(sizes, size)
	}
	return append(sizes, p.Max)
}

// step returns how far the candidate after size lies from it.
func step(size int) int {
	if size < alignedFrom {
		return smallStep
	}
	return min(max(powerOfTwo(size)/8, alignedStep), widestStep)
}

// evenStep is step with -even.
func evenStep(size int) int {
	switch {
	case size < evenSmall:
		return smallStep
	case size < evenFine:
		return powerOfTwo(size) / 8
	}
	return powerOfTwo(size) / 4
}

// powerOfTwo returns the largest one up to size.
func powerOfTwo(size int) int { return 1 << (bits.Len(uint(size)) - 1) }

// shortestSpan returns the least length of a span for slots of size bytes, or 0 when none of those
// allowed keeps to the limit of tail waste.
func (p Params) shortestSpan(size int) int {
	for span := p.Page; span <= p.Page*p.MaxPages; span += p.Page {
		if c := (Class{Size: size, Span: span}); c.tailShare() <= p.Waste {
			return span
		}
	}
	return 0
}

// lengthen returns c with the least span that holds p.Objects slots, or with the longest that is
// allowed when none holds as many.
func (p Params) lengthen(c Class) Class {
	best := c
	for next := c; best.Objects() < p.Objects && next.Span <= p.Page*p.MaxPages; next.Span += p.Page {
		if next.tailShare() <= c.tailShare() && next.reciprocalExact() {
			best = next
		}
	}
	return best
}

// Shortfall says how many of the classes that Choose returns for p have fewer slots in a span than
// p.Objects; it is empty when none has.
func (p Params) Shortfall() string {
	classes, err := Choose(p)
	if err != nil {
		return ""
	}
	short := 0
	least := Class{}
	for _, c := range classes[1:] {
		if c.Objects() < p.Objects {
			short++
			if least.Size == 0 || c.Objects() < least.Objects() {
				least = c
			}
		}
	}
	if short == 0 {
		return ""
	}
	return fmt.Sprintf("-objects %d: the spans of %d of %d classes have fewer, as many as -maxpages %d, exact reciprocals and no larger tails allow; those of %d bytes have %d",
		p.Objects, short, len(classes)-1, p.MaxPages, least.Size, least.Objects())
}

// sameCost reports whether an object costs the same memory in both classes.
func sameCost(a, b Class) bool {
	return a.Span == b.Span && a.Objects() == b.Objects()
}

// grow returns c with the span's tail spread over the slots, as far as largeStep and ceiling allow.
func (c Class) grow(ceiling int) Class {
	room := min(c.Span/c.Objects(), ceiling)
	c.Size = max(c.Size, room-room%largeStep)
	return c
}

// magic returns the reciprocal of c's size, ⌈2³²/size⌉, and 0 for class 0.
func (c Class) magic() uint64 {
	if c.Size == 0 {
		return 0
	}
	size := uint64(c.Size)
	return (1<<32 + size - 1) / size
}

// reciprocalExact reports whether magic gives the right slot for every offset up to the span's end.
func (c Class) reciprocalExact() bool {
	excess := c.magic()*uint64(c.Size) - 1<<32
	return uint64(c.Span)*excess < 1<<32
}
