//go:build peer_spanheap_batch

package pattern

import "github.com/spanheap/spanheap"

// spanheap's batches. Patterns without groups of blocks are as they are with spanheap.
type handle struct{ heap *spanheap.Heap }

func open() handle { return handle{heap} }

func (handle) close() {}

func (h handle) get(n int) block { return must(h.heap.AllocUninit(n)) }

func (h handle) put(b block) { h.heap.Free(b) }

func (h handle) fill(group []block, size int) {
	if _, err := h.heap.AllocBatch(size, group); err != nil {
		panic(err)
	}
	for _, b := range group {
		touch(b)
	}
}

func (h handle) drain(group []block) { h.heap.FreeBatch(group) }

func (h handle) drainIn(order []uint16, group, scratch []block) {
	for i, k := range order {
		scratch[i] = group[k]
	}
	h.heap.FreeBatch(scratch)
}
