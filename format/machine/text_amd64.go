package machine

// width is how many bytes are looked at together of a text that has no more: what
// stands behind it in the same slice is looked at and left out. A branch on the
// length of a text could not be predicted.
const width = 64

// Sum returns the hash of a text, on each kind of processor another one. It is no
// secret: who makes texts with one hash only makes their user compare them.
func Sum(text []byte) uint64 {
	switch {
	case !hasVectors:
		return sumPlain(text)
	case cap(text) < width:
		return sumAlone(text)
	}
	return sum(text)
}

// sumAlone is sum for a text with less behind it.
func sumAlone(text []byte) uint64 {
	return sum(append(make([]byte, 0, width), text...))
}

// sum is for a text of a capacity of width.
//
//go:noescape
func sum(text []byte) uint64

// Equal reports whether a and b are equal. Up to 192 bytes there is no loop whose end
// nobody can predict.
func Equal(a, b []byte) bool {
	return len(a) == len(b) && (hasVectors && equal(a, b) || !hasVectors && string(a) == string(b))
}

// equal is for texts of one length.
//
//go:noescape
func equal(a, b []byte) bool
