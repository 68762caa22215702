// Package short compares texts.
package short

// Equal reports whether a and b are equal.
func Equal(a, b []byte) bool {
	if len(a) != len(b) {
		return false
	}
	if uint(len(a)-8) > 256-8 {
		return string(a) == string(b)
	}
	return equal(a, b)
}

//go:noescape
func equal(a, b []byte) bool
