package arena

import "unsafe"

// The way from numbers to memory: this file alone turns an address into a pointer. The addresses are
// of ranges that a System granted, so no pointer made here is one the collector could miss.

// pointer returns addr as a pointer. The race detector's pointer check, which wants to see what a
// pointer into the Go heap was derived from, is told to leave it alone.
//
//go:nocheckptr
func pointer(addr uintptr) unsafe.Pointer { return unsafe.Add(nil, addr) }

// bytesOf returns the bytes of [addr, addr+size).
func bytesOf(addr, size uintptr) []byte {
	return unsafe.Slice((*byte)(pointer(addr)), size)
}

// addressOf returns the address of b's first byte.
func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
