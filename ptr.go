package spanheap

import "unsafe"

// Ptr is a reference from one off-heap value to another. The collector does not follow it, which
// is why it may lie in off-heap memory where a *T may not; it keeps nothing alive, and is as stale
// as a *T when the value it refers to has been deleted. The zero Ptr refers to nothing. A type with
// Ptr fields is allocated in the scan classes, whose slots may hold references. Ptrs can be compared.
type Ptr[T any] struct {
	_    [0]*T // makes Ptrs to different types different types
	addr uintptr
}

// PtrTo returns a reference to *p, which must lie off the Go heap; or the zero Ptr for nil.
func PtrTo[T any](p *T) Ptr[T] { return Ptr[T]{addr: uintptr(unsafe.Pointer(p))} }

// Get returns the pointer that p was made from; nil for the zero Ptr. The address is read as what it is,
// since the compiler takes a pointer that is the outcome of arithmetic never to be nil.
func (p Ptr[T]) Get() *T { return *(**T)(unsafe.Pointer(&p.addr)) }

// IsNil tells whether p refers to nothing.
func (p Ptr[T]) IsNil() bool { return p.addr == 0 }

// offHeapReference marks Ptr for the check of types.
func (Ptr[T]) offHeapReference() {}

// address returns the address of what p refers to.
func (p Ptr[T]) address() uintptr { return p.addr }
