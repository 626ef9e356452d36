//go:build race || spanheap_debug || spanheap_portable || js || wasip1

package spanheap

const wornPoints = 1
