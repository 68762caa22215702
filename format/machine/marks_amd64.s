#include "textflag.h"
#include "go_asm.h"

// NEXT stores the position of the lowest bit of AX, among the 64 bytes from CX,
// and takes the bit away. Where there is none it stores what nobody looks at.
#define NEXT(at) \
	TZCNTQ AX, BX          \
	BLSRQ  AX, AX          \
	ADDQ   CX, BX          \
	MOVL   BX, at(DI)(R9*4)

// STORE appends the quotes in AX to the R9 at DI. Four are stored in any case:
// a branch for each could not be predicted.
#define STORE(more, done) \
	POPCNTQ AX, R12           \
	ADDQ    R9, R12           \
	CMPQ    R12, $const_MaxQuotes \
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

// func findMarks(data []byte, m *Marks) int
TEXT ·findMarks(SB), NOSPLIT, $0-40
	MOVQ         data_base+0(FP), SI
	MOVQ         data_len+8(FP), DX
	MOVQ         m+24(FP), R8
	LEAQ         Marks_Quotes(R8), DI
	XORQ         CX, CX               // where the 64 bytes begin
	XORQ         R9, R9               // quotes so far
	SUBQ         $64, DX              // the last CX
	JLT          none
	MOVL         $0x20, AX
	VMOVD        AX, X2
	VPBROADCASTB X2, Y2
	MOVL         $0x22, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y0
	MOVL         $0x0a, AX
	VMOVD        AX, X1
	VPBROADCASTB X1, Y1

	VPCMPEQB  (SI), Y2, Y3
	VPCMPEQB  32(SI), Y2, Y4
	VPMOVMSKB Y3, R13
	VPMOVMSKB Y4, AX
	SHLQ      $32, AX
	ORQ       AX, R13       // blanks of the first 64 bytes

block:
	VMOVDQU   (SI)(CX*1), Y2
	VMOVDQU   32(SI)(CX*1), Y3
	VPCMPEQB  Y1, Y2, Y4
	VPCMPEQB  Y1, Y3, Y5
	VPMOVMSKB Y4, R10
	VPMOVMSKB Y5, R11
	SHLQ      $32, R11
	ORQ       R11, R10      // newlines
	VPCMPEQB  Y0, Y2, Y4
	VPCMPEQB  Y0, Y3, Y5
	VPMOVMSKB Y4, AX
	VPMOVMSKB Y5, R11
	SHLQ      $32, R11
	ORQ       R11, AX       // quotes
	TESTQ     R10, R10
	JNZ       last
	STORE(more, done)
	ADDQ      $64, CX
	CMPQ      CX, DX
	JLE       block

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
	BZHIQ  R10, AX, AX       // without those of the next line
	STORE(more2, done2)
	ADDQ   CX, R10           // where the line ends
	TZCNTQ R13, AX           // 64 for no blank
	MOVQ   $-1, BX
	CMPQ   AX, $64
	CMOVQEQ BX, AX
	CMPQ   AX, R10
	CMOVQGT BX, AX           // it is the next line's
	MOVQ   AX, Marks_Blank(R8)
	MOVQ   R9, Marks_N(R8)
	VZEROUPPER
	MOVQ   R10, ret+32(FP)
	RET
