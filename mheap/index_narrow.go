//go:build !race && !(amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package mheap

import "github.com/spanheap/spanheap/arena"

// arenaIndex has a place for every arena of a 32-bit address space, wasm's too.
var arenaIndex [1 << (32 - arena.Shift)]uintptr

// indexOf returns the place of the arena that holds p.
//
//go:nosplit
func indexOf(p uintptr) uintptr { return p >> arena.Shift }
