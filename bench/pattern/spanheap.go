//go:build !peer || peer_spanheap_local || peer_spanheap_batch || peer_spanheap_new

package pattern

import (
	"os"

	"github.com/spanheap/spanheap"
)

// ProfileVariable is the variable of the environment that turns the heap profile off, when it is 0.
const ProfileVariable = "SPANBENCH_PROFILE"

func init() {
	if os.Getenv(ProfileVariable) == "0" {
		spanheap.SetProfileRate(0)
	}
}

// heap is the one that all subjects of spanheap allocate on. It takes no memory before its first
// block.
var heap = must(spanheap.NewHeap(spanheap.Options{Name: "bench"}))

// LiveBlocks returns how many blocks of the heap live.
func LiveBlocks() uint64 { return heap.Stats().LiveBlocks }
