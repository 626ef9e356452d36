#include "textflag.h"

// func walk(buf *uintptr, n int) int
TEXT ·walk(SB), NOSPLIT|NOFRAME, $0-24
	MOVQ buf+0(FP), DI
	MOVQ n+8(FP), CX
	MOVQ (TLS), DX
	MOVQ 8(DX), DX  // the end of the stack
	SUBQ $16, DX    // the last place for a frame pointer and a return address
	MOVQ BP, SI     // the frame
	MOVQ SP, R8     // which lies above this
	XORQ AX, AX
next:
	CMPQ AX, CX
	JGE  done
	CMPQ SI, R8
	JLS  done
	CMPQ SI, DX
	JHI  done
	MOVQ 8(SI), R9
	TESTQ R9, R9
	JEQ  done
	MOVQ R9, (DI)(AX*8)
	INCQ AX
	MOVQ SI, R8
	MOVQ (SI), SI
	JMP  next
done:
	MOVQ AX, ret+16(FP)
	RET
