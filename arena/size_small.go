//go:build !(linux || darwin || freebsd || netbsd || openbsd || dragonfly || windows) || 386 || arm || mips || mipsle || race

package arena

// Shift is the binary logarithm of Size. Small arenas suit narrow address spaces, and Go memory, of
// which alignment wastes up to one arena.
const Shift = 22
