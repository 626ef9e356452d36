//go:build peer_modernc

package pattern

func (h handle) regrow(b block, n int) block {
	h.mu.Lock()
	defer h.mu.Unlock()
	return must(h.alloc.Realloc(b, n))
}

func (h handle) getZeroed(n int) block {
	if n == 0 {
		return nil // Calloc does not take it
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	return must(h.alloc.Calloc(n))
}

// getAligned takes what it gets: the allocator does not align on request.
func (h handle) getAligned(n, align int) block { return h.get(n) }
