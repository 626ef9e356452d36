//go:build peer && !peer_spanheap_local && !peer_make && !peer_modernc

package pattern

import (
	"errors"
	"time"
)

// Replay returns an error: the subject lacks reallocation.
func Replay(string, time.Duration) (Replayed, error) {
	return Replayed{}, errors.New("this allocator does not replay traces")
}
