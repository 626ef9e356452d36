//go:build !peer_pool && !peer_new && !peer_spanheap_new

package pattern

type block = []byte

func bytesOf(b block) []byte { return b }
