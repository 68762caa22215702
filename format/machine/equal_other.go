//go:build !amd64

package machine

import "bytes"

// Equal reports whether a and b are equal.
func Equal(a, b []byte) bool { return bytes.Equal(a, b) }
