//go:build !peer

package pattern

import "github.com/spanheap/spanheap"

type handle struct{ heap *spanheap.Heap }

func open() handle { return handle{heap} }

func (handle) close() {}

func (h handle) get(n int) (b block) {
	var err error
	if zeroed {
		b, err = h.heap.Alloc(n)
	} else {
		b, err = h.heap.AllocUninit(n)
	}
	if err != nil {
		panic(err)
	}
	return
}

func (h handle) getZeroed(n int) block { return must(h.heap.Alloc(n)) }

func (h handle) put(b block) { h.heap.Free(b) }

func (h handle) regrow(b block, n int) block { return must(h.heap.Realloc(b, n)) }
