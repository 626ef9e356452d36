package arena

import (
	"sync"
	"unsafe"

	"golang.org/x/sys/unix"
)

// sourcesStay tells whether MREMAP_DONTUNMAP leaves the source mapped in the eyes of all other calls, by
// trying it once on one page. An emulator of Linux (qemu-user, with which images for other processors are
// built) hands the flag on to the kernel below and strikes the source from its own books: it would grant the
// addresses to the next who asks, and drop no more of their pages.
var sourcesStay = sync.OnceValue(func() bool {
	page := virtualMemory{}.PageSize()
	source, err := unix.MmapPtr(-1, 0, nil, page, unix.PROT_READ|unix.PROT_WRITE, anonymous)
	if err != nil {
		return false
	}
	defer unix.MunmapPtr(source, page)
	moved, err := mremap(uintptr(source), page, unix.MREMAP_MAYMOVE|unix.MREMAP_DONTUNMAP, 0)
	if err != nil {
		return false
	}
	defer unix.MunmapPtr(pointer(moved), page)
	return isMapped(uintptr(source), page)
})

// isMapped asks without touching the page.
func isMapped(addr, page uintptr) bool {
	var resident byte
	_, _, errno := unix.Syscall(unix.SYS_MINCORE, addr, page, uintptr(unsafe.Pointer(&resident)))
	return errno == 0
}
