//go:build darwin || freebsd || netbsd || openbsd || dragonfly

package arena

import "golang.org/x/sys/unix"

// noSwapClaim is nothing: these systems promise no memory to a mapping without access.
const noSwapClaim = 0

// Decommit lays a fresh mapping over the range, in one call. None of these systems has advice that both
// lowers the resident size at once and makes the range read zero: MADV_DONTNEED may keep the contents,
// MADV_FREE and Darwin's MADV_FREE_REUSABLE may keep both until memory is short. The kernels look at
// their limits before they drop the old mapping, so that a refusal leaves it in place.
func (virtualMemory) Decommit(addr, size uintptr) error {
	_, err := unix.MmapPtr(-1, 0, pointer(addr), size,
		unix.PROT_READ|unix.PROT_WRITE, unix.MAP_ANON|unix.MAP_PRIVATE|unix.MAP_FIXED)
	if err != nil {
		return refused("decommit", addr, size, err)
	}
	return nil
}
