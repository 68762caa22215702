package machine

// IsSimple reports whether a text of 16 bytes or more has less than three dots and
// two colons, and none of the bytes %, \ and other, as far as the processor can tell
// it in a few steps. For any other text it reports false.
func IsSimple(text []byte, other byte) bool {
	return len(text) >= 16 && hasVectors && isSimple(text, other)
}

//go:noescape
func isSimple(text []byte, other byte) bool
