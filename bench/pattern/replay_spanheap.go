//go:build !peer || peer_spanheap_local

package pattern

func (handle) regrow(b block, n int) block { return must(heap.Realloc(b, n)) }

func (handle) getAligned(n, align int) block { return must(heap.AllocAligned(n, align)) }
