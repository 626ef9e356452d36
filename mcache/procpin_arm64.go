//go:build !race && !spanheap_portable && !openbsd

package mcache

import "encoding/binary"

// What the compiler makes of runtime.procPin, with x and y in units of 4 and 8 bytes:
//
//	f9401b81  MOVD 48(R28), R1   the thread of the goroutine
//	b98xxxx2  MOVW x(R1), R2     its locks
//	91000442  ADD $1, R2, R2
//	b90xxxx2  MOVW R2, x(R1)
//	f94yyyy1  MOVD y(R1), R1     its P
//	b9800020  MOVW (R1), R0      the P's number
//	d65f03c0  RET
const procPinBytes = 28

// placeOfP returns the offset that y tells; known tells whether the code is of that form, in all but x and y.
func placeOfP(code []byte) (offset uintptr, known bool) {
	form := [...]struct{ bits, mask uint32 }{
		{0xf9401b81, ^uint32(0)}, {0xb9800022, ^immediate}, {0x91000442, ^uint32(0)}, {0xb9000022, ^immediate},
		{0xf9400021, ^immediate}, {0xb9800020, ^uint32(0)}, {0xd65f03c0, ^uint32(0)},
	}
	var y uint32
	for i, want := range form {
		word := binary.LittleEndian.Uint32(code[4*i:])
		if word&want.mask != want.bits {
			return 0, false
		}
		if i == 4 {
			y = word & immediate >> 10
		}
	}
	return uintptr(y) * 8, true
}

// immediate is where an instruction has the unsigned offset that it adds to an address.
const immediate uint32 = 0xfff << 10
