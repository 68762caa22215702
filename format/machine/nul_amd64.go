//go:build !purego

package machine

// HasNUL reports whether data has a NUL byte. Since it checks the whole input, it saves 45
// instructions (2 %) for a line of combined, compared with bytes.IndexByte.
func HasNUL(data []byte) bool {
	if !hasVectors || len(data) < nulBlock {
		return hasNULPlain(data)
	}
	return hasNUL(data)
}

// nulBlock is the number of bytes that hasNUL checks at once.
const nulBlock = 256

// hasNUL requires at least nulBlock bytes.
//
//go:noescape
func hasNUL(data []byte) bool
