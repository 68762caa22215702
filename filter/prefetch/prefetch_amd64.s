#include "textflag.h"

// func lines(a, b unsafe.Pointer)
TEXT ·lines(SB), NOSPLIT, $0-16
	MOVQ       a+0(FP), AX
	MOVQ       b+8(FP), BX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	PREFETCHT0 (BX)
	PREFETCHT0 64(BX)
	RET
