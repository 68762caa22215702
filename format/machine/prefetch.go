package machine

import "unsafe"

// Prefetch starts loading the two cache lines (128 bytes) from p into the processor's cache,
// without waiting for them. It does nothing on processors other than amd64.
func Prefetch[T any](p *T) { prefetch((*byte)(unsafe.Pointer(p))) }
