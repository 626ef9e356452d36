//go:build peer_arrow_mallocator

package pattern

import "github.com/apache/arrow-go/v18/arrow/memory/mallocator"

// Arrow's allocator on C's calloc, through cgo, with a sync.Map of all blocks.
type handle struct{ *mallocator.Mallocator }

var mallocs = mallocator.NewMallocator()

func open() handle { return handle{mallocs} }

func (handle) close() {}

func (h handle) get(n int) block { return h.Allocate(n) }

func (h handle) put(b block) { h.Free(b) }
