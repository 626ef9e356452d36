//go:build darwin || freebsd || netbsd || openbsd || dragonfly || windows

package arena

// Move is nothing that these systems can do.
func (virtualMemory) Move(dst, src, size uintptr) error { return unsupported("move", src, size) }

// Advise is of no use: these systems take no advice of huge pages, and decide for themselves.
func (virtualMemory) Advise(a Advice, addr, size uintptr) error {
	return unsupported(a.String(), addr, size)
}
