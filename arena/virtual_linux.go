package arena

import "golang.org/x/sys/unix"

// noSwapClaim keeps reservations out of the kernel's count of promised memory.
const noSwapClaim = unix.MAP_NORESERVE

// Decommit uses MADV_DONTNEED, which drops the pages at once. MADV_FREE would be cheaper, but leaves
// them in the resident size, which is what people read, and old contents in the range. Memory that the
// program locked (mlockall) is dropped too, from Linux 5.18 on.
func (virtualMemory) Decommit(addr, size uintptr) error {
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
