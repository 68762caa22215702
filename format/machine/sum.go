package machine

import (
	"bytes"

	"github.com/cespare/xxhash/v2"
)

// Word is the first word of a line, which most formats begin with the client.
type Word struct {
	N   int    // its length, up to the first blank or the end of the data; maxWord for more
	Sum uint64 // its Sum
}

// maxWord is more than an address takes.
const maxWord = 48

// findPlain finds the word that data begins with.
func (w *Word) findPlain(data []byte) {
	data = data[:min(len(data), maxWord)]
	if w.N = bytes.IndexByte(data, ' '); w.N < 0 {
		w.N = len(data)
	}
	w.Sum = Sum(data[:w.N])
}

// sumPlain is the same in every process: who looks for texts with equal sums can
// make us look through them each time, and no more.
func sumPlain(text []byte) uint64 { return xxhash.Sum64(text) }
