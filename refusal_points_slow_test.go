//go:build spanheap_slow || race || spanheap_debug || spanheap_portable || js || wasip1

package spanheap

const (
	wornSteps  = 60
	wornPoints = 1
)
