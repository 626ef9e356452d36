#include "textflag.h"

// func walk(buf *uintptr, n int) int
TEXT ·walk(SB), NOSPLIT|NOFRAME, $0-24
	MOVD buf+0(FP), R0
	MOVD n+8(FP), R1
	MOVD 8(g), R2   // the end of the stack
	SUB  $16, R2    // the last place for a frame pointer and a return address
	MOVD R29, R3    // the frame
	MOVD RSP, R4    // which lies above this
	SUB  $16, R4    // or begins one word below the stack pointer
	MOVD $0, R5
next:
	CMP  R1, R5
	BGE  done
	CMP  R4, R3
	BLS  done
	CMP  R2, R3
	BHI  done
	MOVD 8(R3), R6
	CBZ  R6, done
	MOVD R6, (R0)(R5<<3)
	ADD  $1, R5
	MOVD R3, R4
	MOVD (R3), R3
	B    next
done:
	MOVD R5, ret+16(FP)
	RET
