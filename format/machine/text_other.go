//go:build !amd64

package machine

import "bytes"

// Sum returns the hash of a text. It is no secret: who makes texts with one hash
// only makes their user compare them.
func Sum(text []byte) uint64 { return sumPlain(text) }

// Equal reports whether a and b are equal.
func Equal(a, b []byte) bool { return bytes.Equal(a, b) }
