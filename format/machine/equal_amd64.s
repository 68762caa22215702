#include "textflag.h"

// BOTH takes away from X0 which of 16 bytes differ.
#define BOTH(a, b) \
	MOVOU   a, X1  \
	MOVOU   b, X2  \
	PCMPEQB X1, X2 \
	PAND    X2, X0

// func equal(a, b []byte) bool
//
// Texts of up to 256 bytes are compared from their ends to their middle, where what
// is compared overlaps. SSE2 is part of every amd64.
TEXT ·equal(SB), NOSPLIT, $0-49
	MOVQ    a_base+0(FP), SI
	MOVQ    a_len+8(FP), CX
	MOVQ    b_base+24(FP), DI
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
	CMPQ    CX, $256
	JGT     long
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
	SETEQ    ret+48(FP)
	RET

upTo15:
	CMPQ  CX, $8
	JLT   upTo7
	MOVQ  (SI), AX
	XORQ  (DI), AX
	MOVQ  -8(SI)(CX*1), BX
	XORQ  -8(DI)(CX*1), BX
	ORQ   BX, AX
	SETEQ ret+48(FP)
	RET

upTo7:
	TESTQ CX, CX
	JZ    same
	MOVB  -1(SI)(CX*1), AX
	CMPB  AX, -1(DI)(CX*1)
	JNE   differ
	DECQ  CX
	JMP   upTo7

long:
	// The last 16 bytes were compared.
	BOTH((SI), (DI))
	PMOVMSKB X0, AX
	CMPL     AX, $0xffff
	JNE      differ
	ADDQ     $16, SI
	ADDQ     $16, DI
	SUBQ     $16, CX
	CMPQ     CX, $16
	JGT      long

same:
	MOVB $1, ret+48(FP)
	RET

differ:
	MOVB $0, ret+48(FP)
	RET
