package mcache

import (
	"sync/atomic"
	"unsafe"

	"github.com/spanheap/spanheap/mheap"
)

// All of the package's arithmetic on addresses. Caches and magazines lie in memory made by a
// mheap.Meta.

const (
	slotSize  = unsafe.Sizeof(mheap.Slot{})
	cacheSize = unsafe.Sizeof(Cache{})
	boxSize   = unsafe.Sizeof(box{})
)

// pointer turns an address into a pointer. The race detector's pointer check, which wants to see what
// a pointer into the Go heap was derived from, is told to leave it alone.
//
//go:nocheckptr
//go:nosplit
func pointer(p uintptr) unsafe.Pointer { return unsafe.Add(nil, p) }

//go:nocheckptr
//go:nosplit
func slotAt(p uintptr) *mheap.Slot { return (*mheap.Slot)(unsafe.Add(nil, p)) }

func slotsAt(p, n uintptr) []mheap.Slot { return unsafe.Slice(slotAt(p), n) }

// aboveSlot is the address behind a slot.
func aboveSlot(s *mheap.Slot) uintptr { return uintptr(unsafe.Pointer(s)) + slotSize }

func boxAt(p uintptr) *box { return (*box)(pointer(p)) }

func cacheAt(p uintptr) *Cache { return (*Cache)(pointer(p)) }

//go:nosplit
func wordAt(p uintptr) uintptr { return *(*uintptr)(pointer(p)) }

//go:nosplit
func int32At(p uintptr) int32 { return *(*int32)(pointer(p)) }

// placeAt is p[i], which is a place of p, without the check and the room on the stack that it asks for.
//
//go:nosplit
func placeAt(p *places, i uint) **Cache {
	return (**Cache)(unsafe.Add(unsafe.Pointer(p), uintptr(i)*unsafe.Sizeof(p[0])))
}

// stackHere is an address in the caller's stack.
func stackHere() uintptr {
	var here byte
	return uintptr(unsafe.Pointer(&here))
}

// codeAt is the first n bytes of a function's instructions.
func codeAt(f func() int, n int) []byte {
	return unsafe.Slice(**(***byte)(unsafe.Pointer(&f)), n)
}

// storeCache and loadCache are for places that others read and write at the same moment.

func storeCache(p **Cache, c *Cache) {
	atomic.StorePointer((*unsafe.Pointer)(unsafe.Pointer(p)), unsafe.Pointer(c))
}

func loadCache(p **Cache) *Cache {
	return (*Cache)(atomic.LoadPointer((*unsafe.Pointer)(unsafe.Pointer(p))))
}
