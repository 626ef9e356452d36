//go:build !race && (amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package mheap

import "github.com/spanheap/spanheap/arena"

// arenaIndex has a place for every arena of a 48-bit address space. It is untouched, and so not
// resident, but for the parts where arenas lie.
var arenaIndex [1 << (48 - arena.Shift)]uintptr

// indexOf returns the place of the arena that holds p; beyond the index when p has more than 48 bits.
func indexOf(p uintptr) uintptr { return p >> arena.Shift }
