package spanheap

import "unsafe"

// The package's arithmetic on addresses; what turns addresses into typed values is in typed.go.

// zeroByte is where all blocks of 0 bytes lie.
var zeroByte byte

var zeroBase = uintptr(unsafe.Pointer(&zeroByte))

func bytesAt(p uintptr, n int) []byte { return unsafe.Slice((*byte)(unsafe.Add(nil, p)), n) }

func addressOf(b []byte) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(b))) }
