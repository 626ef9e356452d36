package arena

import (
	"errors"
	"time"

	"golang.org/x/sys/unix"
)

// Move lets the kernel hang the pages' table entries elsewhere (mremap), in two steps, so that no address
// of ours is left without a mapping, where another thread's mmap could land:
//
//  1. The source keeps its mapping (MREMAP_DONTUNMAP, from Linux 5.7 on), and the pages come to addresses
//     of the kernel's choice, where nothing is. Whatever can be wrong with the source, two mappings that
//     are not one among it, shows here, and changes nothing.
//  2. From there they come to the destination, whose mapping the kernel drops in the same call.
//
// The kernel looks at all its limits before it drops anything; after that the second step fails only for
// want of its own memory. Then the destination is mapped anew, and the pages' bytes are copied.
func (virtualMemory) Move(dst, src, size uintptr) error {
	if strange.full() {
		return refused("move", src, size, errors.Join(errors.ErrUnsupported, errors.New("too many ranges were moved")))
	}
	if !sourcesStay() {
		return unsupported("move", src, size)
	}
	between, err := mremap(src, size, unix.MREMAP_MAYMOVE|unix.MREMAP_DONTUNMAP, 0)
	if err == unix.EINVAL || err == unix.ENOSYS {
		return unsupported("move", src, size)
	}
	if err != nil {
		return refused("move", src, size, err)
	}
	if _, err := mremap(between, size, unix.MREMAP_MAYMOVE|unix.MREMAP_FIXED, dst); err != nil {
		return finishByHand(dst, src, between, size, err)
	}
	renew(src, size)
	strange.drop(extent{dst, size})
	strange.add(extent{dst, size})
	return nil
}

// finishByHand ends a Move whose pages are between source and destination. If not even the destination can
// be mapped the pages' bytes go back to the source, and the destination, which should be Ready, is a hole:
// so it waits for room, a second in all, before it reports that.
func finishByHand(dst, src, between, size uintptr, cause error) error {
	defer unix.MunmapPtr(pointer(between), size)
	const longest = 512 * time.Millisecond
	err := fillHole(dst, size)
	for pause := time.Millisecond; err != nil && pause <= longest; pause *= 2 {
		time.Sleep(pause)
		err = fillHole(dst, size)
	}
	if err != nil {
		copy(bytesOf(src, size), bytesOf(between, size))
		return refused("move", src, size, errors.Join(cause, err))
	}
	copy(bytesOf(dst, size), bytesOf(between, size))
	return nil
}

// fillHole maps the range if it is not mapped. Where something is mapped it is the range's old mapping, for
// nobody is granted addresses like these but by asking for them.
func fillHole(addr, size uintptr) error {
	_, err := unix.MmapPtr(-1, 0, pointer(addr), size, unix.PROT_READ|unix.PROT_WRITE, anonymous|unix.MAP_FIXED_NOREPLACE)
	if err == unix.EEXIST {
		return nil
	}
	return err
}

// renew lays a fresh mapping over the range if memory was moved to any of it, and tells whether it did:
// nothing of what was there is left then. The kernel looks at its limits before it drops a mapping, so that a
// refusal leaves it in place. A short range is left to be dropped page by page: amid a stranger, it would be
// one mapping more, and make two of that.
func renew(addr, size uintptr) bool {
	if size < leastRenewal || !strange.drop(extent{addr, size}) {
		return false
	}
	_, err := unix.MmapPtr(-1, 0, pointer(addr), size, unix.PROT_READ|unix.PROT_WRITE, anonymous|unix.MAP_FIXED)
	if err != nil {
		strange.add(extent{addr, size})
	}
	return err == nil
}

// leastRenewal is the length in bytes of the shortest range that is mapped anew.
const leastRenewal = 64 << 10

const anonymous = unix.MAP_ANON | unix.MAP_PRIVATE | noSwapClaim

func mremap(addr, size, flags, to uintptr) (uintptr, error) {
	at, _, errno := unix.Syscall6(unix.SYS_MREMAP, addr, size, size, flags, to, 0)
	if errno != 0 {
		return 0, errno
	}
	return at, nil
}
