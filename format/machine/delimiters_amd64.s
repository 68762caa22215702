//go:build !purego

#include "textflag.h"
#include "go_asm.h"

// NEXT stores the offset of the lowest set bit of AX, where bit 0 is at CX, and clears the
// bit. If none is set, it stores garbage that is never read.
#define NEXT(at) \
	TZCNTQ AX, BX          \
	BLSRQ  AX, AX          \
	ADDQ   CX, BX          \
	MOVL   BX, at(DI)(R9*4)

// STORE appends the quotes in the mask AX to the R9 quotes at DI. It always stores four: a
// branch for each could not be predicted.
#define STORE(more, done) \
	POPCNTQ AX, R12           \
	ADDQ    R9, R12           \
	CMPQ    R12, $const_maxQuotes \
	JGT     many              \
	NEXT(0)                   \
	NEXT(4)                   \
	NEXT(8)                   \
	NEXT(12)                  \
	ADDQ    $4, R9            \
	CMPQ    R9, R12           \
	JGE     done              \
more:                         \
	NEXT(0)                   \
	INCQ    R9                \
	CMPQ    R9, R12           \
	JLT     more              \
done:                         \
	MOVQ    R12, R9

// LOOK sets R10 to the mask of newlines in the 64 bytes from CX, and AX to that of quotes.
#define LOOK \
	VMOVDQU   (SI)(CX*1), Y2   \
	VMOVDQU   32(SI)(CX*1), Y3 \
	VPCMPEQB  Y1, Y2, Y4       \
	VPCMPEQB  Y1, Y3, Y5       \
	VPMOVMSKB Y4, R10          \
	VPMOVMSKB Y5, R11          \
	SHLQ      $32, R11         \
	ORQ       R11, R10         \
	VPCMPEQB  Y0, Y2, Y4       \
	VPCMPEQB  Y0, Y3, Y5       \
	VPMOVMSKB Y4, AX           \
	VPMOVMSKB Y5, R11          \
	SHLQ      $32, R11         \
	ORQ       R11, AX

// BLANK sets its argument to to the offset of the first blank in the 64 bytes at from and
// from32, or -1. It leaves -1 in BX.
#define BLANK(from, from32, to) \
	VPCMPEQB  from, Y6, Y3   \
	VPCMPEQB  from32, Y6, Y4 \
	VPMOVMSKB Y3, to         \
	VPMOVMSKB Y4, AX         \
	SHLQ      $32, AX        \
	ORQ       AX, to         \
	MOVQ      $-1, BX        \
	TZCNTQ    to, to         \
	CMOVQCS   BX, to

// USUAL appends the quotes in the next 64 bytes of a line that may have ended already: R14
// is all ones until the end is found, then 0, with the line's length in R12. It jumps to
// again if the line has more than four quotes in these bytes.
#define USUAL \
	LOOK                 \
	BLSMSKQ R10, BX      \
	ANDQ    R14, BX      \
	ANDQ    BX, AX       \
	TZCNTQ  R10, BX      \
	ADDQ    CX, BX       \
	ANDQ    R14, R10     \
	CMOVQNE BX, R12      \
	CMOVQNE R8, R14      \
	POPCNTQ AX, R11      \
	NEXT(0)              \
	NEXT(4)              \
	NEXT(8)              \
	NEXT(12)             \
	TESTQ   AX, AX       \
	JNZ     again        \
	ADDQ    R11, R9      \
	ADDQ    $64, CX

// func findDelimiters(data []byte, m *Delimiters) int
//
// A line of less than 320 bytes takes no branch on its length, which could not be predicted.
TEXT ·findDelimiters(SB), NOSPLIT, $0-40
	MOVQ         data_base+0(FP), SI
	MOVQ         data_len+8(FP), DX
	MOVQ         m+24(FP), DI
	LEAQ         Delimiters_Quotes(DI), DI
	XORL         CX, CX               // offset of the current block
	XORL         R9, R9               // quotes so far
	MOVQ         $-1, R13             // Delimiters.Ahead
	SUBQ         $64, DX              // the largest possible CX
	JLT          none
	MOVL         $0x20, AX
	VMOVD        AX, X6
	VPBROADCASTB X6, Y6
	MOVL         $0x22, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y0
	MOVL         $0x0a, AX
	VMOVD        AX, X1
	VPBROADCASTB X1, Y1

	CMPQ DX, $(4*64)
	JLT  block
	XORL R8, R8
	MOVQ $-1, R14
	USUAL
	USUAL
	USUAL
	USUAL
	USUAL
	TESTQ R14, R14
	JNZ  again
	CMPQ R9, $const_maxQuotes
	JGT  many
	LEAQ 1(R12), BX
	CMPQ BX, DX
	JGT  end
	BLANK((SI)(BX*1), 32(SI)(BX*1), R13)
	JMP  end

again:
	XORL CX, CX
	XORL R9, R9

block:
	LOOK
	TESTQ R10, R10
	JNZ   last
	STORE(more, done)
	ADDQ  $64, CX
	CMPQ  CX, DX
	JLE   block

none:
	VZEROUPPER
	MOVQ $const_isNearEnd, ret+32(FP)
	RET

many:
	VZEROUPPER
	MOVQ $const_hasMany, ret+32(FP)
	RET

last:
	TZCNTQ R10, R10
	BZHIQ  R10, AX, AX       // drop quotes of the next line
	MOVQ   CX, R14
	STORE(more2, done2)
	LEAQ   (R14)(R10*1), R12

end:
	// R12 is the line's length.
	BLANK((SI), 32(SI), R10)
	CMPQ    R10, R12
	CMOVQGT BX, R10          // -1: it is in the next line
	MOVQ    m+24(FP), R8
	MOVQ    R10, Delimiters_Blank(R8)
	MOVQ    R13, Delimiters_Ahead(R8)
	MOVQ    R9, Delimiters_N(R8)
	VZEROUPPER
	MOVQ    R12, ret+32(FP)
	RET
