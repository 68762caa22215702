//go:build !purego

#include "textflag.h"

// LEAST sets each byte of Y0 to the minimum of those at its position in 8 vectors at SI.
#define LEAST \
	VMOVDQU (SI), Y0        \
	VPMINUB 32(SI), Y0, Y0  \
	VPMINUB 64(SI), Y0, Y0  \
	VPMINUB 96(SI), Y0, Y0  \
	VMOVDQU 128(SI), Y1     \
	VPMINUB 160(SI), Y1, Y1 \
	VPMINUB 192(SI), Y1, Y1 \
	VPMINUB 224(SI), Y1, Y1 \
	VPMINUB Y1, Y0, Y0

// func hasNUL(data []byte) bool
//
// The last block overlaps the one before. It never returns early: NUL bytes are rare.
TEXT ·hasNUL(SB), NOSPLIT, $0-25
	MOVQ  data_base+0(FP), SI
	MOVQ  data_len+8(FP), CX
	LEAQ  -256(SI)(CX*1), DX  // the last block
	VPXOR X3, X3, X3
	VPCMPEQB Y2, Y2, Y2       // minimum so far: all 0xff

block:
	LEAST
	VPMINUB Y0, Y2, Y2
	ADDQ    $256, SI
	CMPQ    SI, DX
	JCS     block
	MOVQ    DX, SI
	LEAST
	VPMINUB  Y0, Y2, Y2
	VPCMPEQB Y3, Y2, Y2
	VPTEST   Y2, Y2
	SETNE    ret+24(FP)
	VZEROUPPER
	RET
