//go:build !purego

#include "textflag.h"

// func prefetch(p *byte)
//
// PREFETCHT0 never faults, so p may be the last byte of its page.
TEXT ·prefetch(SB), NOSPLIT, $0-8
	MOVQ       p+0(FP), AX
	PREFETCHT0 (AX)
	PREFETCHT0 64(AX)
	RET
