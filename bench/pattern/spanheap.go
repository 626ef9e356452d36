//go:build !peer || peer_spanheap_local || peer_spanheap_batch || peer_spanheap_new || peer_spanheap_unguarded

package pattern

import "github.com/spanheap/spanheap"

// heap is the one that all subjects of spanheap allocate on. It takes no memory before its first
// block.
var heap = must(spanheap.NewHeap(spanheap.Options{Name: "bench", Guard: guard}))

// LiveBlocks returns how many blocks of the heap live.
func LiveBlocks() uint64 { return heap.Stats().LiveBlocks }
