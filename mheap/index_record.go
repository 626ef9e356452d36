//go:build race || !(amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package mheap

import "sync/atomic"

// A place of the arena index is the address of the arena's record, which tells the heap.

// KeyOf returns the key of the heap with a number; 0 is nobody's.
func KeyOf(heap uint32) Key { return Key(heap + 1) }

// placeOf is what the index holds of an arena.
func placeOf(record uintptr, _ uint32) uintptr { return record }

// recordIn returns the address of the record in a place of the index, or 0.
func recordIn(place uintptr) uintptr { return place }

// Found is what the index answers a key about an address: the address of the record of an arena of the key's
// heap, or 0.
type Found uintptr

// Find asks the index about p.
//
//go:nosplit
func (k Key) Find(p uintptr) Found {
	i := indexOf(p)
	if i >= uintptr(len(arenaIndex)) {
		return 0
	}
	place := atomic.LoadUintptr(&arenaIndex[i])
	if place == 0 || KeyOf(arenaAt(place).Heap) != k {
		return 0
	}
	return Found(place)
}

// Own tells whether p, which was asked about, lies in an arena of the key's heap.
//
//go:nosplit
func (f Found) Own(uintptr) bool { return f != 0 }

// entryIn reads a page's entry.
//
//go:nosplit
func entryIn(p *uint64) Entry { return Entry(atomic.LoadUint64(p)) }
