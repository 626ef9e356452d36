package spanheap

import (
	"errors"
	"fmt"
	"math/bits"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Allocation. The public functions hold the fast path, written out in each, since a call costs a
// quarter of it: size to class, the P's cache, its next slot. It is a visit (mcache.Here), so these functions are not
// split, and come to anything that may wait only behind it. Everything else is allocate's.

// AllocUninit returns a block of n bytes whose contents are undefined; len and cap are n. For n up to 4 it is aligned to
// 4 bytes, else at least to 8. A block of 0 bytes takes no memory; freeing it does nothing. The caller owns the block
// until Free. Errors:
// ErrSize, ErrOutOfMemory, ErrLimit, ErrClosed. Like all calls it may panic to tell of a block that two goroutines freed
// at one moment: see MisuseError.FoundLater.
//
//go:noinline
//go:nosplit
func (h *Heap) AllocUninit(n int) ([]byte, error) {
	if uintptr(n) <= sizeclass.MaxSmall {
		c := h.caches.Visit(mcache.Here())
		class := mheap.SmallNoscan(uintptr(n))
		if p := c.Next(class); c.Covers(class, uintptr(n)) && p != 0 {
			c.Take(class, uintptr(n))
			h.caches.Done(c)
			raceAlloc(p, uintptr(n))
			return smallBytesAt(p, n), nil
		}
		h.caches.Done(c)
	} else if p := h.popLarge(uintptr(n)); p != 0 {
		raceAlloc(p, uintptr(n))
		return largeBytesAt(p, n), nil
	}
	return h.allocBytes(n, false)
}

// Alloc returns a block of n zeroed bytes, otherwise like AllocUninit.
//
//go:noinline
//go:nosplit
func (h *Heap) Alloc(n int) ([]byte, error) {
	if uintptr(n) <= sizeclass.MaxSmall {
		c := h.caches.Visit(mcache.Here())
		class := mheap.SmallNoscan(uintptr(n))
		if p := c.Next(class); c.Covers(class, uintptr(n)) && p != 0 {
			c.Take(class, uintptr(n))
			h.caches.Done(c)
			raceAlloc(p, uintptr(n))
			b := smallBytesAt(p, n)
			clear(b)
			return b, nil
		}
		h.caches.Done(c)
	} else if p := h.popLarge(uintptr(n)); p != 0 {
		raceAlloc(p, uintptr(n))
		b := largeBytesAt(p, n)
		clear(b)
		return b, nil
	}
	return h.allocBytes(n, true)
}

// Alloc allocates n zeroed bytes on the default heap. See Heap.Alloc.
func Alloc(n int) ([]byte, error) { return Default().Alloc(n) }

// AllocUninit allocates n bytes on the default heap. See Heap.AllocUninit.
func AllocUninit(n int) ([]byte, error) { return Default().AllocUninit(n) }

// AllocAtLeast returns a block of zeroed bytes, as many as a block of n bytes really has: len and cap are
// GoodSize(n), and no more memory is taken than by Alloc(n), for callers who can use the rest, as by C++'s
// allocate_at_least and Rust's Allocator. All of it counts as asked for. Otherwise it is like Alloc.
func (h *Heap) AllocAtLeast(n int) ([]byte, error) {
	if n <= 0 {
		return h.Alloc(n)
	}
	return h.Alloc(GoodSize(n))
}

// AllocAtLeast allocates at least n zeroed bytes on the default heap. See Heap.AllocAtLeast.
func AllocAtLeast(n int) ([]byte, error) { return Default().AllocAtLeast(n) }

func (h *Heap) allocBytes(n int, zero bool) ([]byte, error) {
	if n < 0 {
		return nil, fmt.Errorf("spanheap: %w: %d bytes", ErrSize, n)
	}
	p, err := h.allocate(uintptr(n), true, zero)
	if err != nil {
		return nil, err
	}
	return bytesAt(p, n), nil
}

// popLarge returns the address of a large block of n bytes that the P's cache has at hand, or 0; also where n bytes are no
// large block.
//
//go:noinline
//go:nosplit
func (h *Heap) popLarge(n uintptr) uintptr {
	if n-sizeclass.MaxSmall-1 >= mcache.MaxCachedLarge-sizeclass.MaxSmall {
		return 0
	}
	c := h.caches.Visit(mcache.Here())
	next := c.NextLarge(n)
	p := next.Addr
	if p != 0 && c.Covers(mheap.LargeNoscan, n) {
		c.TakeLarge(next, n)
	} else {
		p = 0
	}
	h.caches.Done(c)
	return p
}

// pop returns the address of a block of n bytes that the P's cache has at hand, or 0.
//
//go:noinline
//go:nosplit
func (h *Heap) pop(class mheap.SpanClass, n uintptr) uintptr {
	c := h.caches.Visit(mcache.Here())
	p := c.Next(class)
	if p != 0 && c.Covers(class, n) {
		c.Take(class, n)
	} else {
		p = 0
	}
	h.caches.Done(c)
	return p
}

// allocate returns the address of n bytes, whatever n is; zeroed on request.
func (h *Heap) allocate(n uintptr, noscan, zero bool) (p uintptr, err error) {
	switch {
	case n == 0 && h.closed.Load():
		return 0, refuse(n, ErrClosed)
	case n == 0:
		return zeroBase, nil
	case n > maxBytes:
		return 0, fmt.Errorf("spanheap: %w: %d bytes", ErrSize, n)
	case h.checks != nil:
		return h.allocChecked(n, 1, noscan, zero)
	case n > sizeclass.MaxSmall:
		return h.allocLarge(n, 0, noscan, zero)
	default:
		p, err = h.allocSmall(mheap.Small(n, noscan), n)
	}
	if err != nil {
		return 0, err
	}
	raceAlloc(p, n)
	if zero {
		clear(bytesAt(p, int(n)))
	}
	return p, nil
}

// maxBytes is the largest block: 256 GiB, and half the address space where words have 32 bits. Each
// of a block's pages has an entry in the page map, so a block of an absurd size must be refused before
// its entries fill the memory.
const maxBytes = (^uintptr(0) >> 1) >> ((bits.UintSize - 32) * 25 / 32) &^ (1<<mheap.PageShift - 1)

func (h *Heap) allocSmall(class mheap.SpanClass, n uintptr) (uintptr, error) {
	if p := h.pop(class, n); p != 0 {
		return p, nil
	}
	return h.obtain(nil, n, func() (p, rate uintptr, err error) { return h.caches.Alloc(nil, class, n) })
}

// allocLarge returns the address of an object that has a span of its own, at a multiple of align.
func (h *Heap) allocLarge(n, align uintptr, noscan, zero bool) (uintptr, error) {
	return h.obtain(nil, n, func() (p, rate uintptr, err error) {
		span, fresh, rate, err := h.caches.AllocLarge(mheap.ClassOf(0, noscan), n, align)
		if err != nil {
			return 0, 0, err
		}
		raceAlloc(span.Base(), n)
		if zero && !fresh {
			clear(bytesAt(span.Base(), int(n)))
		}
		return span.Base(), rate, nil
	})
}

// insist tries once more after an error, with everything that caches hold given back, and no pages on their
// way to the operating system. At a limit more is done.
func (h *Heap) insist(n uintptr, alloc func() (uintptr, error)) (uintptr, error) {
	if h.closed.Load() {
		return 0, refuse(n, ErrClosed)
	}
	p, err := alloc()
	if errors.Is(err, ErrLimit) {
		p, err = h.relieve(n, alloc, err)
	} else if err != nil {
		h.drain(true, 0)
		h.pages.Settle()
		p, err = alloc()
	}
	if err != nil {
		return 0, refuse(n, err)
	}
	return p, nil
}

// obtain is insist for an alloc that returns the address of a block of n bytes, of own, the caller's own cache, or for nil
// its P's, and the rate with which it is to be sampled, or 0.
func (h *Heap) obtain(own *mcache.Cache, n uintptr, alloc func() (p, rate uintptr, err error)) (uintptr, error) {
	var rate uintptr
	p, err := h.insist(n, func() (p uintptr, err error) {
		p, rate, err = alloc()
		return p, err
	})
	if err == nil && rate != 0 {
		p = h.guard(own, p, n, rate)
		h.noteSample(p, n, rate)
	}
	if err == nil && h.caches.HasUntold() {
		h.tellOfDoubleFreeBut(p, n)
	}
	return p, err
}

// MaxAlign is the largest alignment that AllocAligned gives.
const MaxAlign = 1 << 30

// AllocAligned returns a block of n bytes at a multiple of align, a power of two up to MaxAlign;
// its contents are undefined. A block of 0 bytes has no memory and so no alignment. Realloc keeps the
// alignment only where the block stays in place.
// Errors: ErrAlign, and AllocUninit's.
func (h *Heap) AllocAligned(n, align int) ([]byte, error) {
	if align <= 0 || bits.OnesCount(uint(align)) != 1 || align > MaxAlign {
		return nil, fmt.Errorf("spanheap: %w: %d is no power of two up to %d", ErrAlign, align, MaxAlign)
	}
	if n <= 0 || uintptr(n) > maxBytes-uintptr(align) {
		return h.AllocUninit(n)
	}
	size, a := uintptr(n), uintptr(align)
	if h.checks != nil {
		p, err := h.allocChecked(size, a, true, false)
		if err != nil {
			return nil, err
		}
		return bytesAt(p, n), nil
	}
	if size <= sizeclass.MaxSmall && a <= mheap.PageSize {
		if max(size, a) <= mheap.TinyMax {
			return h.AllocUninit(n)
		}
		for class := sizeclass.Of(size); class < sizeclass.NumClasses; class++ {
			if uintptr(sizeclass.Size[class])&(a-1) == 0 {
				p, err := h.allocSmall(mheap.ClassOf(class, true), size)
				if err != nil {
					return nil, err
				}
				raceAlloc(p, size)
				return bytesAt(p, n), nil
			}
		}
	}
	p, err := h.allocLarge(size, a, true, false)
	if err != nil {
		return nil, err
	}
	return bytesAt(p, n), nil
}

// AllocAligned allocates n bytes at a multiple of align on the default heap. See Heap.AllocAligned.
func AllocAligned(n, align int) ([]byte, error) { return Default().AllocAligned(n, align) }
