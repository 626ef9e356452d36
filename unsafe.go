package spanheap

import (
	"unsafe"

	"github.com/spanheap/spanheap/mcache"
	"github.com/spanheap/spanheap/sizeclass"
)

// The package's arithmetic on addresses; what turns addresses into typed values is in typed.go.

// zeroByte is where all blocks of 0 bytes lie.
var zeroByte byte

var zeroBase = uintptr(unsafe.Pointer(&zeroByte))

// pointer turns an address into a pointer. The race detector's pointer check, which wants to see what
// a pointer into the Go heap was derived from, is told to leave it alone.
//
//go:nocheckptr
//go:nosplit
func pointer(p uintptr) unsafe.Pointer { return unsafe.Add(nil, p) }

func bytesAt(p uintptr, n int) []byte { return unsafe.Slice((*byte)(pointer(p)), n) }

// wordsAt is the words of the n bytes at p, a multiple of the word's size; what is shorter than one at their end is left out.
func wordsAt(p, n uintptr) []uintptr {
	return unsafe.Slice((*uintptr)(pointer(p)), n/unsafe.Sizeof(p))
}

// smallBytesAt is bytesAt for n of 1 to sizeclass.MaxSmall, which the compiler checks without a branch.
//
//go:nosplit
func smallBytesAt(p uintptr, n int) []byte {
	return (*[sizeclass.MaxSmall]byte)(pointer(p))[:n:n]
}

// runBytesAt is smallBytesAt for a size that many blocks have: the compiler need not check it for each.
//
//go:nosplit
func runBytesAt(p uintptr, n int) []byte { return (*[1 << 16]byte)(pointer(p))[:n:n] }

// largeBytesAt is bytesAt for n of up to mcache.MaxCachedLarge, without a call.
//
//go:nosplit
func largeBytesAt(p uintptr, n int) []byte {
	return (*[mcache.MaxCachedLarge]byte)(pointer(p))[:n:n]
}

//go:nosplit
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }

// typeWord tells types apart, as does the first word of an interface value: of T it is the same each time.
func typeWord[T any]() uintptr {
	var none any = (*T)(nil)
	return *(*uintptr)(unsafe.Pointer(&none))
}
