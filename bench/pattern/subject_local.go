//go:build peer_spanheap_local

package pattern

import "github.com/spanheap/spanheap"

// One goroutine's own cache of spanheap's.
type handle struct{ local *spanheap.Local }

func open() handle { return handle{heap.Local()} }

func (h handle) close() {
	if err := h.local.Close(); err != nil {
		panic(err)
	}
}

func (h handle) get(n int) (b block) {
	var err error
	if zeroed {
		b, err = h.local.Alloc(n)
	} else {
		b, err = h.local.AllocUninit(n)
	}
	if err != nil {
		panic(err)
	}
	return
}

func (h handle) getZeroed(n int) block { return must(h.local.Alloc(n)) }

func (h handle) put(b block) { h.local.Free(b) }

func (h handle) regrow(b block, n int) block { return must(h.local.Realloc(b, n)) }
