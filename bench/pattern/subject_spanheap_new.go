//go:build peer_spanheap_new

package pattern

import "github.com/spanheap/spanheap"

// spanheap's New, for one type.
type handle struct{}

func open() handle { return handle{} }

func (handle) close() {}

func (handle) get(int) block {
	b, err := spanheap.New[node](heap)
	if err != nil {
		panic(err)
	}
	return b
}

func (handle) put(b block) { spanheap.Delete(b) }
