//go:build !linux

package input

import "os"

// newPipe returns nil: only Linux has tee(2).
func newPipe(*plainReader) Reader { return nil }

// HalfFull reports whether the pipe f may be half full, so that its writers will soon
// have to wait. Here it is always false: the system does not report it.
func HalfFull(*os.File) bool { return false }
