//go:build peer_mcache

package pattern

import "github.com/bytedance/gopkg/lang/mcache"

// bytedance's mcache: a sync.Pool for every power of two.
type handle struct{}

func open() handle { return handle{} }

func (handle) close() {}

func (handle) get(n int) block { return mcache.Malloc(n) }

func (handle) put(b block) { mcache.Free(b) }
