package mcache

import (
	"unsafe"

	"github.com/spanheap/spanheap/mheap"
)

// All of the package's arithmetic on addresses. Caches and magazines lie in memory made by a
// mheap.Meta.

const (
	slotSize  = unsafe.Sizeof(mheap.Slot{})
	cacheSize = unsafe.Sizeof(Cache{})
)

func slotAt(p uintptr) *mheap.Slot { return (*mheap.Slot)(unsafe.Add(nil, p)) }

func slotsAt(p, n uintptr) []mheap.Slot { return unsafe.Slice(slotAt(p), n) }

func cacheAt(p uintptr) *Cache { return (*Cache)(unsafe.Add(nil, p)) }

func wordAt(p uintptr) *uint32 { return (*uint32)(unsafe.Add(nil, p)) }

func byteAt(p uintptr) *uint8 { return (*uint8)(unsafe.Add(nil, p)) }
