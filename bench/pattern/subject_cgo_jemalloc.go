//go:build peer_cgo_jemalloc

package pattern

// #cgo LDFLAGS: -ljemalloc
// #cgo noescape mallocx
// #cgo nocallback mallocx
// #cgo noescape dallocx
// #cgo nocallback dallocx
// #include <jemalloc/jemalloc.h>
// enum { zero = MALLOCX_ZERO };
import "C"

import "unsafe"

// jemalloc through cgo.
type handle struct{}

func open() handle { return handle{} }

func (handle) close() {}

func (handle) get(n int) block {
	var flags C.int
	if zeroed {
		flags = C.zero
	}
	return unsafe.Slice((*byte)(C.mallocx(C.size_t(n), flags)), n)
}

func (handle) put(b block) { C.dallocx(unsafe.Pointer(unsafe.SliceData(b)), 0) }
