//go:build !race

package mheap_test

// room is where tests' arenas lie: a GiB that every address space has. Nothing need be there, for
// the page heap never touches its pages.
const room = 0x1000_0000
