//go:build !purego

package machine

// width is the number of bytes that sum always reads. It masks out those behind a shorter
// text: a branch on the length could not be predicted.
const width = 64

// Sum returns a hash of text for a table in memory. It depends on the processor, so it must
// not be stored. It has no key: texts chosen to collide make the table slower, not wrong,
// provided that its user compares texts.
//
// It saves no measurable time. But xxhash takes 144 instructions more for a line of combined
// and hash/maphash 46, which is more than the hot path may grow by.
func Sum(text []byte) uint64 {
	switch {
	case !hasVectors:
		return sumPlain(text)
	case cap(text) < width:
		return sumAlone(text)
	}
	return sum(text)
}

// sumAlone is sum for a text of a smaller capacity.
func sumAlone(text []byte) uint64 {
	return sum(append(make([]byte, 0, width), text...))
}

// sum requires a capacity of at least width.
//
//go:noescape
func sum(text []byte) uint64
