//go:build race

package mheap

import "github.com/spanheap/spanheap/arena"

// arenaIndex covers the addresses where the Go heap of a race build lies, and with it the arenas,
// 256 GiB from where it begins: the race detector shadows every byte of a program's variables, so
// a wider index would cost more than it is worth.
var arenaIndex [1 << 16]uintptr

const goHeapBase = 0xc000000000

// indexOf returns the place of the arena that holds p; beyond the index when p is not covered.
//
//go:nosplit
func indexOf(p uintptr) uintptr { return (p - goHeapBase) >> arena.Shift }
