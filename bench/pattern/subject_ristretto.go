//go:build peer_ristretto || peer_ristretto_jemalloc

package pattern

import "github.com/dgraph-io/ristretto/v2/z"

// ristretto's z.Calloc: Go's make, or, with ristretto's own tag jemalloc and cgo, jemalloc and a map of
// all blocks behind a mutex.
type handle struct{}

func open() handle { return handle{} }

func (handle) close() {}

// get is not inlined: a block that does not leave its caller would lie on the stack.
//
//go:noinline
func (handle) get(n int) block { return z.Calloc(n, "bench") }

func (handle) put(b block) { z.Free(b) }
