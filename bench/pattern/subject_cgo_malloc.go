//go:build peer_cgo_malloc

package pattern

// #cgo noescape calloc
// #cgo nocallback calloc
// #cgo noescape free
// #cgo nocallback free
// #include <stdlib.h>
import "C"

import "unsafe"

// The C library's malloc through cgo.
type handle struct{}

func open() handle { return handle{} }

func (handle) close() {}

func (handle) get(n int) block {
	if zeroed {
		return unsafe.Slice((*byte)(C.calloc(1, C.size_t(n))), n)
	}
	return unsafe.Slice((*byte)(C.malloc(C.size_t(n))), n)
}

func (handle) put(b block) { C.free(unsafe.Pointer(unsafe.SliceData(b))) }
