//go:build peer_arrow

package pattern

import "github.com/apache/arrow-go/v18/arrow/memory"

// Arrow's allocator on the Go heap: make, 64 bytes more, aligned to 64.
type handle struct{ alloc *memory.GoAllocator }

func open() handle { return handle{memory.NewGoAllocator()} }

func (handle) close() {}

// get is not inlined: a block that does not leave its caller would lie on the stack.
//
//go:noinline
func (h handle) get(n int) block { return h.alloc.Allocate(n) }

func (h handle) put(b block) { h.alloc.Free(b) }
