//go:build peer_make

package pattern

// Go's own heap, with its collector. The collector sees a block as long as a pattern holds it.
type handle struct{}

func open() handle { return handle{} }

func (handle) close() {}

// get is not inlined: a block that does not leave its caller would lie on the stack.
//
//go:noinline
func (handle) get(n int) block { return make([]byte, n) }

func (handle) put(block) {}
