//go:build race || !(amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package mheap

// A place of the arena index is the address of the arena's record, which tells the heap.

// KeyOf returns the key of the heap with a number; 0 is nobody's.
func KeyOf(heap uint32) Key { return Key(heap + 1) }

// placeOf is what the index holds of an arena.
func placeOf(record uintptr, _ uint32) uintptr { return record }

// recordIn returns the address of the record in a place of the index, or 0.
func recordIn(place uintptr) uintptr { return place }

// ownRecordIn is recordIn for an arena of the key's heap, and tells whether it is one.
func ownRecordIn(place uintptr, k Key) (record uintptr, own bool) {
	return place, place != 0 && KeyOf(arenaAt(place).Heap) == k
}
