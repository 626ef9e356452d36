//go:build !race && !spanheap_portable && (openbsd || !(amd64 || arm64))

package mcache

// Where nothing is known of how the runtime notes a thread's P, a visit is a pinned stay like any other.

// Here is Pin.
//
//go:nosplit
func Here() int { return procPin() }

// visits are not needed.
type visits struct{}

func (*visits) init() {}

func (*visits) put(int, *Cache) {}

// Visit is Enter.
//
//go:nosplit
func (s *Set) Visit(here int) *Cache { return s.caches.of(here) }

// Done is Leave.
//
//go:nosplit
func (s *Set) Done(*Cache) { procUnpin() }
