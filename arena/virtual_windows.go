package arena

import (
	"os"
	"time"
	"unsafe"

	"golang.org/x/sys/windows"
)

// virtualMemory is the address space of a Windows process. Windows counts committed memory against a
// limit and takes reservations back only as a whole, so Reserve must hit an aligned address itself:
// nobody can cut one out of a larger grant.
type virtualMemory struct{}

func (virtualMemory) PageSize() uintptr { return uintptr(os.Getpagesize()) }

func (virtualMemory) Reserve(hint, size uintptr) (uintptr, error) {
	if hint != 0 {
		if addr, err := reserve(hint, size); err == nil {
			return addr, nil
		}
	}
	addr, err := reserve(0, size)
	if err != nil {
		return 0, refused("reserve", hint, size, err)
	}
	if size%Size != 0 || addr%Size == 0 {
		return addr, nil
	}
	if err := release(addr); err != nil {
		return 0, refused("reserve", hint, size, err)
	}
	return reserveAligned(size)
}

// reserveAligned reserves size bytes at a multiple of Size. It finds room by reserving more than it
// needs, lets go, and reserves the aligned part; another thread may have taken that by then.
func reserveAligned(size uintptr) (uintptr, error) {
	const attempts = 16
	var err error
	for range attempts {
		var room, addr uintptr
		if room, err = reserve(0, size+Size); err != nil {
			break
		}
		if err = release(room); err != nil {
			break
		}
		if addr, err = reserve(alignUp(room, Size), size); err == nil {
			return addr, nil
		}
	}
	return 0, refused("reserve", 0, size, err)
}

func reserve(hint, size uintptr) (uintptr, error) {
	return windows.VirtualAlloc(hint, size, windows.MEM_RESERVE, windows.PAGE_NOACCESS)
}

func release(addr uintptr) error { return windows.VirtualFree(addr, 0, windows.MEM_RELEASE) }

// Unreserve looks first whether the range is a whole grant: MEM_RELEASE knows no size, and would take
// the rest of the grant with it.
func (virtualMemory) Unreserve(addr, size uintptr) error {
	var grant windows.MemoryBasicInformation
	err := windows.VirtualQuery(addr, &grant, unsafe.Sizeof(grant))
	if err == nil && (grant.AllocationBase != addr || grant.RegionSize != size) {
		err = windows.ERROR_INVALID_ADDRESS
	}
	if err == nil {
		err = release(addr)
	}
	if err != nil {
		return refused("unreserve", addr, size, err)
	}
	return nil
}

func (virtualMemory) Commit(addr, size uintptr) error {
	if err := commit(addr, size); err != nil {
		return refused("commit", addr, size, err)
	}
	return nil
}

func commit(addr, size uintptr) error {
	_, err := windows.VirtualAlloc(addr, size, windows.MEM_COMMIT, windows.PAGE_READWRITE)
	return err
}

// Decommit decommits and commits again, which alone is sure to lower the resident size and to read
// zero. Between the two another process may take the last of the machine's commit limit. The range would
// then be Reserved, the one refusal that does not leave a state as it was, so Decommit waits for room, a
// second in all, before it reports that.
func (virtualMemory) Decommit(addr, size uintptr) error {
	if err := windows.VirtualFree(addr, size, windows.MEM_DECOMMIT); err != nil {
		return refused("decommit", addr, size, err)
	}
	const longest = 512 * time.Millisecond
	err := commit(addr, size)
	for pause := time.Millisecond; err != nil && pause <= longest; pause *= 2 {
		time.Sleep(pause)
		err = commit(addr, size)
	}
	if err != nil {
		return refused("commit after decommit", addr, size, err)
	}
	return nil
}

func (virtualMemory) Protect(addr, size uintptr) error {
	return protect("protect", addr, size, windows.PAGE_NOACCESS)
}

func (virtualMemory) Unprotect(addr, size uintptr) error {
	return protect("unprotect", addr, size, windows.PAGE_READWRITE)
}

func protect(verb string, addr, size uintptr, rights uint32) error {
	var before uint32
	if err := windows.VirtualProtect(addr, size, rights, &before); err != nil {
		return refused(verb, addr, size, err)
	}
	return nil
}
