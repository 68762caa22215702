package machine

import "unsafe"

// Prefetch begins to load the 128 bytes from p on, two cache lines, into the processor's
// cache. It does not wait for them.
func Prefetch[T any](p *T) { prefetch((*byte)(unsafe.Pointer(p))) }
