//go:build armbe || arm64be || m68k || mips || mips64 || mips64p32 || ppc || ppc64 || s390 || s390x || shbe || sparc || sparc64

package mheap

// wordFirst and quadFirst are where the first byte stands of a word of four bytes and of one of eight.
const wordFirst, quadFirst = 24, 56
