//go:build !purego

package machine

// width is how many bytes are looked at together of a text that has no more: what
// stands behind it in the same slice is looked at and left out. A branch on the
// length of a text could not be predicted.
const width = 64

// Sum returns the hash of a text for a table in memory, on each kind of processor
// another one. It is no secret: who makes texts with one hash only makes their user
// compare them.
//
// It saves no time that can be measured. A line of combined takes 144 instructions more
// with xxhash and 46 more with hash/maphash, which is more than the hot path may grow by.
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
