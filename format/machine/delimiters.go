// Package machine has functions that amd64 implements in assembly, most of them with AVX2,
// and portable versions for the build tag purego and for other processors.
package machine

import "bytes"

// Delimiters are the offsets of the first blank and of the quotes in a line. Cut finds them
// in the same pass as the line's end.
type Delimiters struct {
	Blank  int                  // -1: not in the first 64 bytes
	Ahead  int                  // offset of the first blank after the line; -1: unknown
	N      int                  // number of quotes; maxQuotes+1: more, and Blank and Quotes are invalid
	Quotes [maxQuotes + 4]int32 // the first N; find may overwrite four more
}

// maxQuotes is enough for a request line and seven headers.
const maxQuotes = 16

// Cut splits data after its first line, which it returns without the newline. data must
// contain a newline.
func (m *Delimiters) Cut(data []byte) (line, rest []byte) {
	end := m.find(data)
	switch end {
	case isNearEnd:
		end = m.findPlain(data)
	case hasMany:
		m.Ahead, m.N = -1, maxQuotes+1
		end = bytes.IndexByte(data, '\n')
	}
	return data[:end], data[end+1:]
}

// Results of find when it has not found the end of the line. m is then invalid.
const (
	isNearEnd = -1
	hasMany   = -2 // quotes
)

// findPlain returns the length of the first line of data.
func (m *Delimiters) findPlain(data []byte) int {
	end := bytes.IndexByte(data, '\n')
	line := data[:end]
	m.Blank = bytes.IndexByte(line[:min(len(line), 64)], ' ')
	m.Ahead, m.N = -1, 0
	for at := 0; m.N <= maxQuotes; m.N++ {
		next := bytes.IndexByte(line[at:], '"')
		if next < 0 {
			break
		}
		m.Quotes[m.N] = int32(at + next)
		at += next + 1
	}
	return end
}
