#include "textflag.h"
#include "go_asm.h"

// func Near(p *byte)
TEXT ·Near(SB), NOSPLIT, $0-8
	MOVQ       p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	RET

// func sum(text []byte, seed *[32]byte) uint64
TEXT ·sum(SB), NOSPLIT, $0-40
	MOVQ  text_base+0(FP), SI
	MOVQ  text_len+8(FP), CX
	MOVQ  seed+24(FP), DI
	CALL  sumText<>(SB)
	VMOVQ X0, ret+32(FP)
	RET

// func findWord(data []byte, w *Word, seed *[32]byte)
//
// data has maxWord bytes or more.
TEXT ·findWord(SB), NOSPLIT, $0-40
	MOVQ         data_base+0(FP), SI
	MOVQ         w+24(FP), R8
	MOVQ         seed+32(FP), DI
	MOVL         $0x20, AX
	VMOVD        AX, X0
	VPBROADCASTB X0, Y0
	VPCMPEQB     (SI), Y0, Y1
	VPMOVMSKB    Y1, AX
	VPCMPEQB     32(SI), X0, X1
	VPMOVMSKB    X1, CX
	VZEROUPPER
	SHLQ         $32, CX
	ORQ          AX, CX
	BTSQ         $const_maxWord, CX
	TZCNTQ       CX, CX              // maxWord for no blank
	MOVQ         CX, Word_N(R8)
	CALL         sumText<>(SB)
	VMOVQ        X0, Word_Sum(R8)
	RET

// sumText leaves in X0 the sum of the CX bytes at SI under the seed at DI. It
// changes AX, BX, DX, SI and X1 besides.
//
// Each 16 bytes are the key of a round of AES. One more round stands between them:
// after a single one, those that follow could cancel what differs. The last ones
// overlap those before them; two more rounds spread them over the result.
TEXT sumText<>(SB), NOSPLIT, $0-0
	VMOVQ CX, X0
	VPXOR (DI), X0, X0
	LEAQ  -16(SI)(CX*1), DX
	CMPQ  CX, $16
	JLT   upTo15

block:
	VAESENC (SI), X0, X0
	VAESENC 16(DI), X0, X0
	ADDQ    $16, SI
	CMPQ    SI, DX
	JCS     block
	VAESENC (DX), X0, X0

done:
	VAESENC 16(DI), X0, X0
	VAESENC 16(DI), X0, X0
	RET

upTo15:
	CMPQ    CX, $8
	JLT     upTo7
	VMOVQ   (SI), X1
	VPINSRQ $1, 8(DX), X1, X1
	VAESENC X1, X0, X0
	JMP     done

upTo7:
	XORL AX, AX
	ADDQ $16, DX // the end

byte:
	CMPQ    SI, DX
	JCC     bytes
	SHLQ    $8, AX
	MOVBQZX (SI), BX
	ORQ     BX, AX
	INCQ    SI
	JMP     byte

bytes:
	VMOVQ   AX, X1
	VAESENC X1, X0, X0
	JMP     done
