//go:build !race

package mcache_test

// room is where tests' arenas lie: a GiB that every address space has. Nothing need be there, for
// caches never touch their slots.
const room = 0x1000_0000
