//go:build spanheap_slow || race || spanheap_debug || spanheap_portable || js || wasip1

package spanheap_test

const slowBuild = true
