package spanheap

import (
	"fmt"
	"math/bits"
	"unsafe"

	"github.com/spanheap/spanheap/mheap"
	"github.com/spanheap/spanheap/sizeclass"
)

// Typed values: blocks that are exactly as long as a T. The address a pointer holds is all there
// is, so a Delete finds the heap and the size by it and by the type.

// New allocates a zeroed T on h. The value lives until Delete; the collector never frees it, and it
// must not hold Go pointers: a T that contains any is refused with ErrPointers, which names the
// field. Refer from one off-heap value to another by a Ptr. Other errors are Alloc's. A T of size 0
// takes no memory.
func New[T any](h *Heap) (*T, error) {
	n := unsafe.Sizeof(*new(T))
	info := infoOf[T]()
	if info.class != 0 {
		if p := h.pop(info.class, n); p != 0 {
			raceAlloc(p, n)
			clear(bytesAt(p, int(n)))
			return (*T)(pointer(p)), nil
		}
	}
	if info.err != nil {
		return nil, info.err
	}
	p, err := h.allocate(n, info.noscan, true)
	if err != nil {
		return nil, err
	}
	return (*T)(pointer(p)), nil
}

// Delete gives back a value that New returned, on whatever heap; nil and values of 0 bytes are left alone. It panics with
// a *MisuseError when *p is no live value, or one whose slot is of another size class than T's.
func Delete[T any](p *T) {
	if size := unsafe.Sizeof(*p); p != nil && size > 0 {
		freeTyped[T]("Delete", uintptr(unsafe.Pointer(p)), size)
	}
}

// MakeSlice allocates a slice of zeroed Ts on h, under New's conditions. It must not grow beyond
// its capacity: append would copy it to the Go heap.
func MakeSlice[T any](h *Heap, len, cap int) ([]T, error) {
	if len < 0 || cap < len {
		return nil, fmt.Errorf("spanheap: %w: slice of length %d and capacity %d", ErrSize, len, cap)
	}
	info := infoOf[T]()
	if info.err != nil {
		return nil, info.err
	}
	over, n := bits.Mul(uint(cap), uint(unsafe.Sizeof(*new(T))))
	if over != 0 || uintptr(n) > maxBytes {
		return nil, fmt.Errorf("spanheap: %w: %d elements of %d bytes", ErrSize, cap, unsafe.Sizeof(*new(T)))
	}
	p, err := h.allocate(uintptr(n), info.noscan, true)
	if err != nil {
		return nil, err
	}
	return unsafe.Slice((*T)(pointer(p)), cap)[:len], nil
}

// FreeSlice gives back a slice that MakeSlice returned, or any s[:k] of it, on whatever heap. nil
// and slices without capacity are left alone. It panics with a *MisuseError when s is no live slice.
func FreeSlice[T any](s []T) {
	if size := uintptr(cap(s)) * unsafe.Sizeof(*new(T)); size > 0 {
		freeTyped[T]("FreeSlice", uintptr(unsafe.Pointer(unsafe.SliceData(s))), size)
	}
}

// freeTyped gives back the block of n bytes of Ts at p. Its class must be that of n.
func freeTyped[T any](op string, p, n uintptr) {
	h := heapOf(p)
	if h == nil {
		panic(misuse(op, ForeignAddress, p))
	}
	info := infoOf[T]()
	noscan, class := info.noscan, info.class
	switch {
	case n == unsafe.Sizeof(*new(T)):
	case n <= sizeclass.MaxSmall:
		class = mheap.Small(n, noscan)
	default:
		class = mheap.ClassOf(0, noscan)
	}
	if h.freeSized(op, class, p, n) || h.freeMakingRoom(op, class, p, n) {
		return
	}
	want := goodSize(n)
	if !noscan {
		want = goodSize(max(n, mheap.TinyMax+1)) // references are never tiny
	}
	if e := h.liveBlock(op, p); want != usableSize(e, p) || h.sizeOf(e, p, n) != n {
		h.liveBlock(op, p) // another may have freed it meanwhile
		panic(misuse(op, SizeMismatch, p))
	}
	h.free(nil, op, p, n)
}

// sizeOf returns how many bytes were asked for of the live block at p, whose page's entry is e; otherwise where the heap
// does not know.
func (h *Heap) sizeOf(e mheap.Entry, p, otherwise uintptr) uintptr {
	switch {
	case h.checks != nil:
		return h.notes.size(p)
	case e.Class() == mheap.Guarded:
		return h.guards.at(p).size
	}
	return otherwise
}
