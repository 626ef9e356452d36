package arena

import (
	"errors"
	"fmt"
)

// System is what an operating system gives: verbs on ranges [addr, addr+size), each of which takes
// every page of the range from one state to another.
//
//	state      meaning                                     Reserve    Unreserve  Commit   Decommit, Move  Protect    Unprotect
//	None       not ours: unmapped, or somebody else's      Reserved
//	Reserved   ours, not to be touched, no memory behind              None       Ready
//	Ready      may be read and written, backed on touch                                   Ready           Protected  Ready
//	Protected  ours, a touch faults, keeps its contents                                                              Ready
//
// An empty cell is a breach: no verb may meet a page in that state. A range that was Ready once stays Ready,
// with or without memory behind it, or is Protected for a time.
//
// Every verb wants addr and size to be multiples of PageSize and size to be above zero. It does not
// check; who calls a verb on a range that is not in its state breaks memory that is not its own.
// Commit, Decommit, Protect and Unprotect take no range that spans two grants of Reserve. Advise takes pages that are ours, and
// changes no state.
//
// The system may refuse any verb at any time. The error then wraps the system's own (a syscall.Errno
// where there is one), the states are as before, and the call may be repeated. All verbs are safe for
// concurrent use on ranges that do not overlap.
type System interface {
	// PageSize returns the bytes of a page of this machine, a power of two, read at run time.
	PageSize() uintptr

	// Reserve takes size bytes of address space: None to Reserved. hint is an address that the caller
	// would like, a mere wish, 0 for none: the system grants another one when it is taken, and never
	// replaces what lies there. A grant is aligned to PageSize; systems that cannot take back a part
	// of it (Windows, Go memory) align every multiple of Size to Size.
	Reserve(hint, size uintptr) (addr uintptr, err error)

	// Unreserve gives address space back: Reserved to None. The range was never Ready. It may be a
	// part of a grant, but Windows refuses all but a whole one.
	Unreserve(addr, size uintptr) error

	// Commit makes a range usable: Reserved to Ready. It reads zero.
	Commit(addr, size uintptr) error

	// Decommit gives the memory behind a range back: Ready to Ready. The process's resident size
	// falls, and the range reads zero. If refused, the contents are undefined.
	Decommit(addr, size uintptr) error

	// Move takes the memory behind [src, src+size) to [dst, dst+size), which does not overlap it: both
	// Ready to Ready. dst then reads what src read, and src reads zero, without memory. If refused, src
	// is as before, and the contents of dst are undefined. A part of a range that is refused as a whole
	// may be granted. Where nothing can be moved the error wraps errors.ErrUnsupported.
	Move(dst, src, size uintptr) error

	// Protect makes a range inaccessible: Ready to Protected. Whoever reads or writes it gets a fault. Where
	// nothing can be protected the error wraps errors.ErrUnsupported.
	Protect(addr, size uintptr) error

	// Unprotect makes a range accessible again: Protected, or Ready, to Ready. It reads what it read before.
	Unprotect(addr, size uintptr) error

	// Advise tells the system how the range will be used; contents do not change. Where the system has
	// no such advice the error wraps errors.ErrUnsupported.
	Advise(a Advice, addr, size uintptr) error
}

// Advice is what a System may be told of a range of whole HugePages.
type Advice int

const (
	HugeOn  Advice = iota // back the range by huge pages, from now on, where they are to be had
	HugeOff               // undo HugeOn for what is not backed yet
	HugeNow               // put the range's memory, which is Ready, into huge pages before returning
)

// String returns the advice in words.
func (a Advice) String() string {
	return [...]string{"huge pages on", "huge pages off", "huge pages now"}[a]
}

// HugePage is the length in bytes, and the alignment, of the ranges that are advised of huge pages: what most
// machines have. Where huge pages are longer the advice is refused or without effect.
const HugePage = 2 << 20

// Host returns the system that block memory comes from: the operating system, but Go memory in race
// builds, so that the race detector sees the accesses, and where there is no mmap.
//
// Go memory costs the collector no scanning, but it counts as live Go heap, goes never back, and when
// the process can have no more of it the Go runtime ends the process instead of refusing.
func Host() System { return host }

// Metadata returns the system that an allocator's own records come from: the operating system, in race
// builds too, so that the race detector does not see them; Go memory where there is no mmap.
func Metadata() System { return metadata }

// InGoHeap tells whether Host is Go memory.
func InGoHeap() bool {
	_, is := host.(*goMemory)
	return is
}

// unsupported is the error of a verb that a system does not have.
func unsupported(verb string, addr, size uintptr) error {
	return refused(verb, addr, size, errors.ErrUnsupported)
}

// refused wraps the system's refusal of a verb on a range.
func refused(verb string, addr, size uintptr, err error) error {
	return fmt.Errorf("arena: %s of %d bytes at %#x refused: %w", verb, size, addr, err)
}
