//go:build !linux

package filter

import "os"

// newPipeInput returns nil: only Linux can look into a pipe, with tee(2).
func newPipeInput(*plainInput) Input { return nil }

// HalfFull reports whether a pipe has room for no more than it holds, as far as
// the system tells.
func HalfFull(*os.File) bool { return false }
