//go:build (linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows) && !(386 || arm || mips || mipsle) && !race

package arena

// Shift is the binary logarithm of Size. Large arenas keep the table of arenas short; address space
// costs nothing here.
const Shift = 26
