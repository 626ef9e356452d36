//go:build !peer || peer_spanheap_local

package pattern

func (handle) getAligned(n, align int) block { return must(heap.AllocAligned(n, align)) }
