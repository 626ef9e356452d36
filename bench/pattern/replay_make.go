//go:build peer_make

package pattern

// regrow is what append does to a block that is full.
func (h handle) regrow(b block, n int) block {
	moved := h.get(n)
	copy(moved, b)
	return moved
}

func (h handle) getZeroed(n int) block { return h.get(n) }

// getAligned takes what it gets: Go's classes are aligned to powers of two as a rule.
func (h handle) getAligned(n, align int) block { return h.get(n) }
