//go:build linux || darwin || freebsd || netbsd || openbsd || dragonfly

package arena

import (
	"os"

	"golang.org/x/sys/unix"
)

// virtualMemory is the address space of a Unix process. A reservation is a private anonymous mapping
// that nobody may touch; to commit a part is to change its protection, so what is Ready and what is
// not are one mapping each as long as the committed part grows from one end. How memory goes back
// differs: see Decommit in the file of each system.
type virtualMemory struct{}

func (virtualMemory) PageSize() uintptr { return uintptr(os.Getpagesize()) }

func (virtualMemory) Reserve(hint, size uintptr) (uintptr, error) {
	p, err := unix.MmapPtr(-1, 0, pointer(hint), size, unix.PROT_NONE, unix.MAP_ANON|unix.MAP_PRIVATE|noSwapClaim)
	if err != nil {
		return 0, refused("reserve", hint, size, err)
	}
	return uintptr(p), nil
}

func (virtualMemory) Unreserve(addr, size uintptr) error {
	if err := unix.MunmapPtr(pointer(addr), size); err != nil {
		return refused("unreserve", addr, size, err)
	}
	return nil
}

func (virtualMemory) Commit(addr, size uintptr) error {
	return mprotect("commit", addr, size, unix.PROT_READ|unix.PROT_WRITE)
}

func (virtualMemory) Protect(addr, size uintptr) error {
	return mprotect("protect", addr, size, unix.PROT_NONE)
}

func (virtualMemory) Unprotect(addr, size uintptr) error {
	return mprotect("unprotect", addr, size, unix.PROT_READ|unix.PROT_WRITE)
}

func mprotect(verb string, addr, size uintptr, rights int) error {
	if err := unix.Mprotect(bytesOf(addr, size), rights); err != nil {
		return refused(verb, addr, size, err)
	}
	return nil
}
