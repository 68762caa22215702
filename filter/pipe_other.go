//go:build !linux

package filter

// newPipeInput returns nil: only Linux can look into a pipe, with tee(2).
func newPipeInput(*plainInput) Input { return nil }
