//go:build !race && !spanheap_portable && !openbsd

package mcache

import "encoding/binary"

// What the compiler makes of runtime.procPin:
//
//	49 8b 4e 30           MOVQ 0x30(R14), CX   the thread of the goroutine
//	ff 81 xx xx xx xx     INCL xx(CX)          its locks
//	48 8b 89 yy yy yy yy  MOVQ yy(CX), CX      its P
//	48 63 01              MOVLQSX (CX), AX     the P's number
//	c3                    RET
const procPinBytes = 21

// placeOfP returns yy of such code; known tells whether the code is of that form, in all but xx and yy.
func placeOfP(code []byte) (yy uintptr, known bool) {
	const before, between, after = "\x49\x8b\x4e\x30\xff\x81", "\x48\x8b\x89", "\x48\x63\x01\xc3"
	known = string(code[:6]) == before && string(code[10:13]) == between && string(code[17:21]) == after
	return uintptr(binary.LittleEndian.Uint32(code[13:])), known
}
