//go:build peer_new || peer_spanheap_new

package pattern

// A node is the typed value that new allocates.
type node [NodeBytes]byte

type block = *node

func bytesOf(b block) []byte { return b[:] }
