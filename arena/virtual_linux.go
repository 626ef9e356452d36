package arena

import (
	"errors"

	"golang.org/x/sys/unix"
)

// noSwapClaim keeps reservations out of the kernel's count of promised memory.
const noSwapClaim = unix.MAP_NORESERVE

// Decommit uses MADV_DONTNEED, which drops the pages at once. MADV_FREE would be cheaper, but leaves
// them in the resident size, which is what people read, and old contents in the range. Memory that the
// program locked (mlockall) is dropped too, from Linux 5.18 on. Where memory was moved to, the range is
// mapped anew: see strangers.
func (virtualMemory) Decommit(addr, size uintptr) error {
	if renew(addr, size) {
		return nil
	}
	b := bytesOf(addr, size)
	err := unix.Madvise(b, unix.MADV_DONTNEED)
	if err == unix.EINVAL {
		err = unix.Madvise(b, unix.MADV_DONTNEED_LOCKED)
	}
	if err != nil {
		return refused("decommit", addr, size, err)
	}
	return nil
}

var madvise = map[Advice]int{HugeOn: unix.MADV_HUGEPAGE, HugeOff: unix.MADV_NOHUGEPAGE, HugeNow: unix.MADV_COLLAPSE}

// Advise is refused with EINVAL by a kernel without huge pages, for HugeNow by one before Linux 6.1, and where
// a range has no memory to put into huge pages.
func (virtualMemory) Advise(a Advice, addr, size uintptr) error {
	err := unix.Madvise(bytesOf(addr, size), madvise[a])
	if err == unix.EINVAL {
		err = errors.Join(errors.ErrUnsupported, err)
	}
	if err != nil {
		return refused(a.String(), addr, size, err)
	}
	return nil
}
