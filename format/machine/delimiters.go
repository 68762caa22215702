// Package machine holds what is written for the processor and not in Go, to look
// at many bytes at once. The plain way stands beside it.
package machine

import "bytes"

// Delimiters are where the first blank and the quotes of a line stand. They are found
// in one pass with the line's end.
type Delimiters struct {
	Blank  int                  // -1 for not in the first 64 bytes
	Ahead  int                  // the first blank of what follows the line, -1 for not told
	N      int                  // quotes, maxQuotes+1 for more; then Blank is not told
	Quotes [maxQuotes + 4]int32 // the first N
}

// maxQuotes is enough for a request line and seven headers.
const maxQuotes = 16

// Cut returns the first line of data, which has a newline, and what follows it.
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

// What find returns where it cannot tell where the line ends.
const (
	isNearEnd = -1
	hasMany   = -2 // quotes
)

// findPlain returns where the first line of data ends.
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
