//go:build !peer_spanheap_batch

package pattern

// Allocating and freeing many blocks at once, for subjects that do it one by one.

// fill allocates size bytes for every place of group.
func (h handle) fill(group []block, size int) {
	for i := range group {
		b := h.get(size)
		touch(b)
		group[i] = b
	}
}

// drain frees the group in order.
func (h handle) drain(group []block) {
	for _, b := range group {
		h.put(b)
	}
}

// drainIn frees the group in the order given. scratch is as long as group.
func (h handle) drainIn(order []uint16, group, scratch []block) {
	for _, k := range order {
		h.put(group[k])
	}
}
