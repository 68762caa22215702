#include "textflag.h"

// keep begins with as many ones as a text may have bytes.
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
// Two rounds of AES or more mix each byte with all others. Of a text of more than 64
// bytes the last 64 overlap those before.
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

// DIFFER leaves in to where 64 bytes differ.
#define DIFFER(a, a32, b, b32, to) \
	VMOVDQU a, to         \
	VPXOR   b, to, to     \
	VMOVDQU a32, Y3       \
	VPXOR   b32, Y3, Y3   \
	VPOR    Y3, to, to

// func equal(a, b []byte) bool
TEXT ·equal(SB), NOSPLIT, $0-49
	MOVQ      a_base+0(FP), SI
	MOVQ      a_len+8(FP), CX
	MOVQ      b_base+24(FP), DI
	CMPQ      CX, $64
	JGT       over64
	CMPQ      a_cap+16(FP), $64
	JLT       short
	CMPQ      b_cap+40(FP), $64
	JLT       short
	VMOVDQU   (SI), Y0
	VMOVDQU   32(SI), Y1
	VPCMPEQB  (DI), Y0, Y0
	VPCMPEQB  32(DI), Y1, Y1
	VPMOVMSKB Y0, AX
	VPMOVMSKB Y1, BX
	SHLQ      $32, BX
	ORQ       BX, AX
	NOTQ      AX
	BZHIQ     CX, AX, AX
	SETEQ     ret+48(FP)
	VZEROUPPER
	RET

over64:
	// The first 64 bytes, the last, and those of the middle.
	CMPQ    CX, $192
	JGT     over192
	LEAQ    -64(CX), R8
	MOVL    $64, R9
	CMPQ    R8, R9
	CMOVQLT R8, R9
	DIFFER((SI), 32(SI), (DI), 32(DI), Y0)
	DIFFER((SI)(R8*1), 32(SI)(R8*1), (DI)(R8*1), 32(DI)(R8*1), Y1)
	DIFFER((SI)(R9*1), 32(SI)(R9*1), (DI)(R9*1), 32(DI)(R9*1), Y2)
	VPOR    Y1, Y0, Y0
	VPOR    Y2, Y0, Y0
	VPTEST  Y0, Y0
	SETEQ   ret+48(FP)
	VZEROUPPER
	RET

over192:
	DIFFER((SI), 32(SI), (DI), 32(DI), Y0)
	VPTEST  Y0, Y0
	JNZ     differ
	ADDQ    $64, SI
	ADDQ    $64, DI
	SUBQ    $64, CX
	CMPQ    CX, $192
	JGT     over192
	JMP     over64

short:
	TESTQ CX, CX
	JZ    same
	MOVB  -1(SI)(CX*1), AX
	CMPB  AX, -1(DI)(CX*1)
	JNE   differ
	DECQ  CX
	JMP   short

same:
	MOVB $1, ret+48(FP)
	RET

differ:
	VZEROUPPER
	MOVB $0, ret+48(FP)
	RET
