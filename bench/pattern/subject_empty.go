//go:build peer_empty

package pattern

// No allocator: two calls that do nothing. What a pattern costs with it is the harness.
type handle struct{}

var scrap [1 << 20]byte

func open() handle { return handle{} }

func (handle) close() {}

//go:noinline
func (handle) get(n int) block { return scrap[:n] }

//go:noinline
func (handle) put(block) {}
