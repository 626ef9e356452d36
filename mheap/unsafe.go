package mheap

import "unsafe"

// All of the package's arithmetic on addresses. Records lie in memory that a Meta made, which is
// never unmapped while the process lives, so that even a stale address can be read.

// pointer turns an address, which is not 0, into a pointer. The race detector's pointer check, which wants to see what
// a pointer into the Go heap was derived from, is told to leave it alone.
//
//go:nocheckptr
//go:nosplit
func pointer(p uintptr) unsafe.Pointer { return unsafe.Add(nil, p) }

//go:nosplit
func spanAt(p uintptr) *Span { return (*Span)(pointer(p)) }

//go:nosplit
func arenaAt(p uintptr) *Arena { return (*Arena)(pointer(p)) }

func addressOf(s *Span) uintptr { return uintptr(unsafe.Pointer(s)) }

//go:nocheckptr
//go:nosplit
func slotAt(p uintptr) *Slot { return (*Slot)(unsafe.Add(nil, p)) }

//go:nosplit
func addressOfSlot(s *Slot) uintptr { return uintptr(unsafe.Pointer(s)) }

const wordSize = unsafe.Sizeof(uintptr(0))

// wordAt is the word at p, which is a multiple of the word's size.
func wordAt(p uintptr) *uintptr { return (*uintptr)(pointer(p)) }

func clearBytes(p, n uintptr) { clear(unsafe.Slice((*byte)(pointer(p)), n)) }

// copyBytes copies n bytes between ranges that do not overlap.
//
//go:nocheckptr
func copyBytes(dst, src, n uintptr) {
	copy(unsafe.Slice((*byte)(unsafe.Add(nil, dst)), n), unsafe.Slice((*byte)(unsafe.Add(nil, src)), n))
}

//go:nocheckptr
//go:nosplit
func byteAt(p uintptr) *uint8 { return (*uint8)(unsafe.Add(nil, p)) }

// stateWordAt is the word that contains the state at p.
//
//go:nocheckptr
//go:nosplit
func stateWordAt(p uintptr) *uint32 { return (*uint32)(unsafe.Add(nil, p&^3)) }

const arenaRecordSize = unsafe.Sizeof(Arena{})

func addressOfArena(a *Arena) uintptr { return uintptr(unsafe.Pointer(a)) }

const slotSize = unsafe.Sizeof(Slot{})

func slotsAt(p uintptr, n int) []Slot { return unsafe.Slice((*Slot)(pointer(p)), n) }

func addressOfSlots(slots []Slot) uintptr { return uintptr(unsafe.Pointer(unsafe.SliceData(slots))) }

// quadAt is the eight states at p, which is a multiple of eight.
func quadAt(p uintptr) *uint64 { return (*uint64)(pointer(p)) }
