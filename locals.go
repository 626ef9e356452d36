package spanheap

import (
	"sync"
	"weak"

	"github.com/spanheap/spanheap/mcache"
)

// locals is the Locals of a heap that have a cache, by their caches. The caches end with the heap, so that Close takes
// them away from those Locals; it keeps none of them alive.
type locals struct {
	mu   sync.Mutex
	open map[*mcache.Cache]weak.Pointer[Local]
}

func (o *locals) add(l *Local) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.open == nil {
		o.open = map[*mcache.Cache]weak.Pointer[Local]{}
	}
	o.open[l.cache] = weak.Make(l)
}

func (o *locals) remove(c *mcache.Cache) {
	o.mu.Lock()
	defer o.mu.Unlock()
	delete(o.open, c)
}

// end leaves all Locals without a cache.
func (o *locals) end() {
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, w := range o.open {
		if l := w.Value(); l != nil {
			l.cleanup.Stop()
			l.cache = mcache.Nobody()
		}
	}
	clear(o.open)
}
