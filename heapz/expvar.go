package heapz

import (
	"expvar"

	"github.com/spanheap/spanheap"
)

// PublishExpvar publishes a Report of all heaps, read anew each time, as the expvar variable of the name, as
// in /debug/vars. It panics, as expvar.Publish does, if the name is taken.
func PublishExpvar(name string) {
	expvar.Publish(name, expvar.Func(func() any { return report(spanheap.Heaps()) }))
}
