//go:build !peer_spanheap_unguarded

package pattern

import "github.com/spanheap/spanheap"

const guard = spanheap.DefaultGuard
