//go:build !purego

package machine

// HasNUL reports whether data has a NUL byte. A line of combined takes 45 instructions
// less than with bytes.IndexByte, 2 %: each byte of the input is looked at for this alone.
func HasNUL(data []byte) bool {
	if !hasVectors || len(data) < nulBlock {
		return hasNULPlain(data)
	}
	return hasNUL(data)
}

// nulBlock is how many bytes hasNUL looks at together.
const nulBlock = 256

// hasNUL is for data of nulBlock bytes or more.
//
//go:noescape
func hasNUL(data []byte) bool
