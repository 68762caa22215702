//go:build !purego

#include "textflag.h"

#define ALL(name, bytes) \
	DATA  name<>+0(SB)/8, $bytes  \
	DATA  name<>+8(SB)/8, $bytes  \
	DATA  name<>+16(SB)/8, $bytes \
	DATA  name<>+24(SB)/8, $bytes \
	GLOBL name<>(SB), RODATA|NOPTR, $32

ALL(dots, 0x2e2e2e2e2e2e2e2e)
ALL(colons, 0x3a3a3a3a3a3a3a3a)
ALL(dashes, 0x2d2d2d2d2d2d2d2d)
ALL(percents, 0x2525252525252525)
ALL(backslashes, 0x5c5c5c5c5c5c5c5c)
ALL(ats, 0x4040404040404040)

// LOOK sets AX, BX and R11 to the masks of dots, colons and dashes in R0, and marks in R7
// the bytes that are one of the others, or the one in R6. R1 is scratch.
#define LOOK(R0, R1, R6, R7) \
	VPCMPEQB  dots<>(SB), R0, R1        \
	VPMOVMSKB R1, AX                    \
	VPCMPEQB  colons<>(SB), R0, R1      \
	VPMOVMSKB R1, BX                    \
	VPCMPEQB  dashes<>(SB), R0, R1      \
	VPMOVMSKB R1, R11                   \
	VPCMPEQB  percents<>(SB), R0, R1    \
	VPOR      R1, R7, R7                \
	VPCMPEQB  backslashes<>(SB), R0, R1 \
	VPOR      R1, R7, R7                \
	VPCMPEQB  ats<>(SB), R0, R1         \
	VPOR      R1, R7, R7                \
	VPCMPEQB  R6, R0, R1                \
	VPOR      R1, R7, R7

// COUNT adds the numbers of bits in AX, BX and R11 to R8, R9 and R10.
#define COUNT \
	POPCNTL AX, AX   \
	POPCNTL BX, BX   \
	POPCNTL R11, R11 \
	ADDQ    AX, R8   \
	ADDQ    BX, R9   \
	ADDQ    R11, R10

// MASK sets its argument to to the mask of the bytes set in Y0 and Y1, of the CX in a text.
#define MASK(Y0, Y1, to) \
	VPMOVMSKB Y0, to    \
	VPMOVMSKB Y1, DX    \
	SHLQ      $32, DX   \
	ORQ       DX, to    \
	BZHIQ     CX, to, to

// func cannotHoldAddress(text []byte, other byte) bool
//
// It reads 64 bytes of a shorter text if its capacity allows, and masks those behind it. Else
// the last block overlaps the one before, and bytes in both count once.
TEXT ·cannotHoldAddress(SB), NOSPLIT, $0-33
	MOVQ         text_base+0(FP), SI
	MOVQ         text_len+8(FP), CX
	MOVBLZX      other+24(FP), AX
	VMOVD        AX, X6
	VPBROADCASTB X6, Y6
	CMPQ         CX, $64
	JGT          blocks
	CMPQ         text_cap+16(FP), $64
	JLT          blocks
	VMOVDQU      (SI), Y0
	VMOVDQU      32(SI), Y1
	VPCMPEQB     dots<>(SB), Y0, Y2
	VPCMPEQB     dots<>(SB), Y1, Y3
	MASK(Y2, Y3, R8)
	POPCNTQ      R8, R8
	VPCMPEQB     colons<>(SB), Y0, Y2
	VPCMPEQB     colons<>(SB), Y1, Y3
	MASK(Y2, Y3, R9)
	POPCNTQ      R9, R9
	VPCMPEQB     dashes<>(SB), Y0, Y2
	VPCMPEQB     dashes<>(SB), Y1, Y3
	MASK(Y2, Y3, R10)
	POPCNTQ      R10, R10
	VPCMPEQB     percents<>(SB), Y0, Y2
	VPCMPEQB     percents<>(SB), Y1, Y3
	VPCMPEQB     backslashes<>(SB), Y0, Y4
	VPCMPEQB     backslashes<>(SB), Y1, Y5
	VPOR         Y4, Y2, Y2
	VPOR         Y5, Y3, Y3
	VPCMPEQB     ats<>(SB), Y0, Y4
	VPCMPEQB     ats<>(SB), Y1, Y5
	VPOR         Y4, Y2, Y2
	VPOR         Y5, Y3, Y3
	VPCMPEQB     Y6, Y0, Y4
	VPCMPEQB     Y6, Y1, Y5
	VPOR         Y4, Y2, Y2
	VPOR         Y5, Y3, Y3
	MASK(Y2, Y3, AX)
	XORL         CX, CX
	TESTQ        AX, AX
	JMP          told

blocks:
	XORL         R8, R8             // dots
	XORL         R9, R9             // colons
	XORL         R10, R10           // dashes
	VPXOR        X7, X7, X7
	LEAQ         -32(SI)(CX*1), DX  // the last block
	SUBQ         $32, CX
	JLT          upTo31

block:
	VMOVDQU (SI), Y0
	LOOK(Y0, Y1, Y6, Y7)
	COUNT
	ADDQ    $32, SI
	SUBQ    $32, CX
	JGE     block
	VMOVDQU (DX), Y0
	LOOK(Y0, Y1, Y6, Y7)
	NEGQ    CX                  // bytes of overlap, 1 to 32
	SHRXQ   CX, AX, AX
	SHRXQ   CX, BX, BX
	SHRXQ   CX, R11, R11
	COUNT

done:
	XORL    CX, CX
	VPTEST  Y7, Y7

told:
	SETEQ   CX
	CMPQ    R8, $3
	SETCS   AX
	ANDL    AX, CX
	CMPQ    R9, $2
	SETCS   AX
	ANDL    AX, CX
	CMPQ    R10, $3
	SETCS   AX
	ANDL    AX, CX
	MOVB    CX, ret+32(FP)
	VZEROUPPER
	RET

upTo31:
	CMPQ    CX, $-16
	JLT     upTo15
	VMOVDQU (SI), X0
	LOOK(X0, X1, X6, X7)
	COUNT
	VMOVDQU 16(DX), X0
	LOOK(X0, X1, X6, X7)
	NEGQ    CX                  // bytes of overlap, 1 to 16
	SHRXQ   CX, AX, AX
	SHRXQ   CX, BX, BX
	SHRXQ   CX, R11, R11
	COUNT
	JMP     done

upTo15:
	MOVB $0, ret+32(FP)
	VZEROUPPER
	RET
