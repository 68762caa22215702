// Package short compares texts.
package short

import "unsafe"

// Equal reports whether a and b are equal.
func Equal(a, b []byte) bool {
	n := len(a)
	if uint(n-8) > 256-8 {
		return string(a) == string(b)
	}
	return n == len(b) && equal(unsafe.SliceData(a), unsafe.SliceData(b), n)
}

//go:noescape
func equal(a, b *byte, n int) bool
