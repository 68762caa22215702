//go:build !purego

#include "textflag.h"

// LEAST leaves in each byte of Y0 the least of those at its place in the 256 bytes at SI.
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
// The last block overlaps the one before. All of the data is looked at: it seldom has any.
TEXT ·hasNUL(SB), NOSPLIT, $0-25
	MOVQ  data_base+0(FP), SI
	MOVQ  data_len+8(FP), CX
	LEAQ  -256(SI)(CX*1), DX  // the last block
	VPXOR X3, X3, X3
	VPCMPEQB Y2, Y2, Y2       // the least so far, nothing yet

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
