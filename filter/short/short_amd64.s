#include "textflag.h"

// SAME clears bits of X0 where 16 bytes at offset of SI and DI differ.
#define SAME(mem1, mem2) \
	MOVOU   mem1, X1 \
	MOVOU   mem2, X2 \
	PCMPEQB X1, X2   \
	PAND    X2, X0

// func equal(a, b *byte, n int) bool
TEXT ·equal(SB), NOSPLIT, $0-25
	MOVQ a+0(FP), SI
	MOVQ b+8(FP), DI
	MOVQ n+16(FP), CX
	CMPQ CX, $16
	JB   upto15
	MOVOU (SI), X0
	MOVOU (DI), X2
	PCMPEQB X2, X0
	SAME(-16(SI)(CX*1), -16(DI)(CX*1))
	CMPQ CX, $32
	JBE  done
	SAME(16(SI), 16(DI))
	SAME(-32(SI)(CX*1), -32(DI)(CX*1))
	CMPQ CX, $64
	JBE  done
	SAME(32(SI), 32(DI))
	SAME(48(SI), 48(DI))
	SAME(-64(SI)(CX*1), -64(DI)(CX*1))
	SAME(-48(SI)(CX*1), -48(DI)(CX*1))
	CMPQ CX, $128
	JBE  done
	SAME(64(SI), 64(DI))
	SAME(80(SI), 80(DI))
	SAME(96(SI), 96(DI))
	SAME(112(SI), 112(DI))
	SAME(-128(SI)(CX*1), -128(DI)(CX*1))
	SAME(-112(SI)(CX*1), -112(DI)(CX*1))
	SAME(-96(SI)(CX*1), -96(DI)(CX*1))
	SAME(-80(SI)(CX*1), -80(DI)(CX*1))
done:
	PMOVMSKB X0, AX
	CMPL AX, $0xffff
	SETEQ ret+24(FP)
	RET
upto15:
	MOVQ (SI), AX
	XORQ (DI), AX
	MOVQ -8(SI)(CX*1), BX
	XORQ -8(DI)(CX*1), BX
	ORQ  BX, AX
	SETEQ ret+24(FP)
	RET
