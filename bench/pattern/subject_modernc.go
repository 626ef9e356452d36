//go:build peer_modernc || peer_modernc_unlocked

package pattern

import (
	"sync"

	"modernc.org/memory"
)

// modernc.org/memory, which is not safe for concurrent use: one for all goroutines behind a mutex, or
// without it for one goroutine.
type handle struct{ *shared }

type shared struct {
	mu    sync.Mutex
	alloc memory.Allocator
}

var one shared

func open() handle { return handle{&one} }

func (handle) close() {}

func (h handle) get(n int) block {
	if locked {
		h.mu.Lock()
	}
	var b []byte
	var err error
	if zeroed {
		b, err = h.alloc.Calloc(n)
	} else {
		b, err = h.alloc.Malloc(n)
	}
	if locked {
		h.mu.Unlock()
	}
	if err != nil {
		panic(err)
	}
	return b
}

func (h handle) put(b block) {
	if locked {
		h.mu.Lock()
	}
	err := h.alloc.Free(b)
	if locked {
		h.mu.Unlock()
	}
	if err != nil {
		panic(err)
	}
}
