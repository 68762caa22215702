#include "textflag.h"

// BOTH takes away from X0 which of 16 bytes differ.
#define BOTH(a, b) \
	MOVOU   a, X1  \
	MOVOU   b, X2  \
	PCMPEQB X1, X2 \
	PAND    X2, X0

// func equal(a, b *byte, n int) bool
//
// Both texts are compared from their ends to their middle, where what is compared
// overlaps. SSE2 is part of every amd64.
TEXT ·equal(SB), NOSPLIT, $0-25
	MOVQ    a+0(FP), SI
	MOVQ    b+8(FP), DI
	MOVQ    n+16(FP), CX
	CMPQ    CX, $16
	JLT     upTo15
	MOVOU   (SI), X0
	MOVOU   (DI), X1
	PCMPEQB X1, X0
	BOTH(-16(SI)(CX*1), -16(DI)(CX*1))
	CMPQ    CX, $32
	JLE     done
	BOTH(16(SI), 16(DI))
	BOTH(-32(SI)(CX*1), -32(DI)(CX*1))
	CMPQ    CX, $64
	JLE     done
	BOTH(32(SI), 32(DI))
	BOTH(48(SI), 48(DI))
	BOTH(-64(SI)(CX*1), -64(DI)(CX*1))
	BOTH(-48(SI)(CX*1), -48(DI)(CX*1))
	CMPQ    CX, $128
	JLE     done
	BOTH(64(SI), 64(DI))
	BOTH(80(SI), 80(DI))
	BOTH(96(SI), 96(DI))
	BOTH(112(SI), 112(DI))
	BOTH(-128(SI)(CX*1), -128(DI)(CX*1))
	BOTH(-112(SI)(CX*1), -112(DI)(CX*1))
	BOTH(-96(SI)(CX*1), -96(DI)(CX*1))
	BOTH(-80(SI)(CX*1), -80(DI)(CX*1))

done:
	PMOVMSKB X0, AX
	CMPL     AX, $0xffff
	SETEQ    ret+24(FP)
	RET

upTo15:
	MOVQ  (SI), AX
	XORQ  (DI), AX
	MOVQ  -8(SI)(CX*1), BX
	XORQ  -8(DI)(CX*1), BX
	ORQ   BX, AX
	SETEQ ret+24(FP)
	RET
