// Package machine holds what is written for the processor and not in Go, to look
// at many bytes at once. The plain way stands beside it.
package machine

import "bytes"

// Marks are what is found of a line while it is cut off.
type Marks struct {
	First  Word                 // of the line
	Next   Word                 // the first one of the line behind it
	N      int                  // quotes, MaxQuotes+1 for more
	Quotes [MaxQuotes + 4]int32 // the first N
}

// MaxQuotes is enough for a request line and seven headers.
const MaxQuotes = 16

// Begin comes before the first Cut of data.
func (m *Marks) Begin(data []byte) { m.Next.find(data) }

// Cut returns the first line of data, which has a newline, and what follows it: the
// data of the next Cut.
func (m *Marks) Cut(data []byte) (line, rest []byte) {
	m.First = m.Next
	end := m.find(data)
	switch end {
	case isNearEnd:
		end = m.findPlain(data)
	case hasMany:
		m.N = MaxQuotes + 1
		end = bytes.IndexByte(data, '\n')
	}
	line, rest = data[:end], data[end+1:]
	m.Next.find(rest)
	return line, rest
}

// What find returns where it cannot tell where the line ends.
const (
	isNearEnd = -1
	hasMany   = -2 // quotes
)

// findPlain returns where the first line of data ends.
func (m *Marks) findPlain(data []byte) int {
	end := bytes.IndexByte(data, '\n')
	line := data[:end]
	m.N = 0
	for at := 0; m.N <= MaxQuotes; m.N++ {
		next := bytes.IndexByte(line[at:], '"')
		if next < 0 {
			break
		}
		m.Quotes[m.N] = int32(at + next)
		at += next + 1
	}
	return end
}
