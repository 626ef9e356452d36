//go:build !race && !js && !wasip1

package spanheap_test

// hugeBits is the largest power of two that tests ask for and may get. A block that is never touched costs
// address space alone.
const hugeBits = 32

const goMemory = false
