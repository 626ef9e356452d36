//go:build armbe || arm64be || m68k || mips || mips64 || mips64p32 || ppc || ppc64 || s390 || s390x || shbe || sparc || sparc64

package mheap

// byteShift is where the byte at p stands in the word that contains it.
func byteShift(p uintptr) uint { return uint(^p&3) << 3 }

// quadShift is where the byte at p stands in the word of eight bytes that contains it.
func quadShift(p uintptr) uint { return uint(^p&7) << 3 }
