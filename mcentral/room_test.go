//go:build !race

package mcentral_test

// room is where tests' arenas lie: a GiB that every address space has. Nothing need be there, for
// a central never touches its slots.
const room = 0x1000_0000
