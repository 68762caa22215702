//go:build !purego

#include "textflag.h"

// keep is 64 bytes of ones, then zeros: 64 bytes from keep+64-n are a mask of n bytes.
DATA  keep<>+0(SB)/8, $-1
DATA  keep<>+8(SB)/8, $-1
DATA  keep<>+16(SB)/8, $-1
DATA  keep<>+24(SB)/8, $-1
DATA  keep<>+32(SB)/8, $-1
DATA  keep<>+40(SB)/8, $-1
DATA  keep<>+48(SB)/8, $-1
DATA  keep<>+56(SB)/8, $-1
DATA  keep<>+64(SB)/8, $0
DATA  keep<>+72(SB)/8, $0
DATA  keep<>+80(SB)/8, $0
DATA  keep<>+88(SB)/8, $0
DATA  keep<>+96(SB)/8, $0
DATA  keep<>+104(SB)/8, $0
DATA  keep<>+112(SB)/8, $0
DATA  keep<>+120(SB)/8, $0
GLOBL keep<>(SB), RODATA|NOPTR, $128

// ROUND mixes the 64 bytes at p into X0 to X3.
#define ROUND(p) \
	VAESENC (p), X0, X0   \
	VAESENC 16(p), X1, X1 \
	VAESENC 32(p), X2, X2 \
	VAESENC 48(p), X3, X3 \
	VAESENC X0, X0, X0    \
	VAESENC X1, X1, X1    \
	VAESENC X2, X2, X2    \
	VAESENC X3, X3, X3

// func sum(text []byte) uint64
//
// At least two rounds of AES mix each byte with all others. If a text has more than 64 bytes,
// the last 64 may overlap the block before.
TEXT ·sum(SB), NOSPLIT, $0-32
	MOVQ    text_base+0(FP), SI
	MOVQ    text_len+8(FP), CX
	CMPQ    CX, $64
	JGT     over64
	LEAQ    keep<>+64(SB), DX
	SUBQ    CX, DX
	VMOVDQU (DX), X0
	VMOVDQU 16(DX), X1
	VMOVDQU 32(DX), X2
	VMOVDQU 48(DX), X3
	VPAND   (SI), X0, X0
	VPAND   16(SI), X1, X1
	VPAND   32(SI), X2, X2
	VPAND   48(SI), X3, X3

mix:
	VAESENC X1, X0, X0
	VAESENC X2, X0, X0
	VAESENC X3, X0, X0
	VAESENC X0, X0, X0
	VAESENC X0, X0, X0
	VMOVQ   X0, ret+24(FP)
	RET

over64:
	VMOVDQU (SI), X0
	VMOVDQU 16(SI), X1
	VMOVDQU 32(SI), X2
	VMOVDQU 48(SI), X3
	LEAQ    -64(SI)(CX*1), DX

next:
	ADDQ $64, SI
	CMPQ SI, DX
	JGE  last
	ROUND(SI)
	JMP  next

last:
	ROUND(DX)
	JMP mix
