package machine

import "unsafe"

// Near begins to bring what p points to near the processor, and does not wait for it.
func Near[T any](p *T) { near((*byte)(unsafe.Pointer(p))) }
