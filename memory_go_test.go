//go:build race || js || wasip1

package spanheap_test

// hugeBits is the largest power of two that tests ask for and may get. Where arenas are Go memory, the Go
// runtime ends a process that asks for more than there is.
const hugeBits = 25

// goMemory tells whether arenas are Go memory.
const goMemory = true
