//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows)

package arena

// All memory is Go memory, of one list of slabs: records fill what aligning arenas leaves over.
var (
	host     System = new(goMemory)
	metadata        = host
)
