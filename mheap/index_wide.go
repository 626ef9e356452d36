//go:build !race && (amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package mheap

import "github.com/spanheap/spanheap/arena"

// arenaIndex has a place for every arena of a 48-bit address space: the address of its record, and the
// key of its heap above it, so that one look tells both. It is untouched, and so not resident, but for
// the parts where arenas lie.
var arenaIndex [1 << (48 - arena.Shift)]uintptr

// indexOf returns the place of the arena that holds p; beyond the index when p has more than 48 bits.
//
//go:nosplit
func indexOf(p uintptr) uintptr { return p >> arena.Shift }

// keyShift is where the key stands in a place of the index.
const keyShift = 48

// KeyOf returns the key of the heap with a number; 0 is nobody's.
func KeyOf(heap uint32) Key { return Key(heap+1) << keyShift }

// placeOf is what the index holds of an arena.
func placeOf(record uintptr, heap uint32) uintptr { return record | uintptr(KeyOf(heap)) }

// recordIn returns the address of the record in a place of the index, or 0.
func recordIn(place uintptr) uintptr { return place & (1<<keyShift - 1) }

// Found is what the index answers a key about an address: a place, less the key. Where the place is an arena of
// the key's heap, that is the address of its record.
type Found uintptr

// Find asks the index about p, as plainly as entryIn reads.
//
//go:nosplit
func (k Key) Find(p uintptr) Found {
	return Found(arenaIndex[indexOf(p)%uintptr(len(arenaIndex))] ^ uintptr(k))
}

// Own tells whether p, which was asked about, lies in an arena of the key's heap: bits above the 48th are another
// heap's key, or p's own, which is beyond the index.
//
//go:nosplit
func (f Found) Own(p uintptr) bool { return (uintptr(f)|p)>>keyShift == 0 }

// entryIn reads a page's entry, plainly: words of 64 bits are written and read as one, and a reader who has a right to
// what the entry says has come behind its writer.
//
//go:nosplit
func entryIn(p *uint64) Entry { return Entry(*p) }
