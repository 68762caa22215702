package format

import "bytes"

// Marks are what a Glancer wants to know of a line. They are found in one pass
// with the line's end.
type Marks struct {
	blank  int // where the first blank stands, -1 for not in the first markedBlank bytes
	n      int // quotes, maxQuotes+1 for more
	quotes [maxQuotes + 4]int32
}

const (
	// maxQuotes is enough for a request line and seven headers.
	maxQuotes = 16
	// markedBlank is more than an address takes.
	markedBlank = 64
)

// Cut returns the first line of data, which has a newline, and what follows it.
func (m *Marks) Cut(data []byte) (line, rest []byte) {
	end := m.find(data)
	if end < 0 {
		end = m.findPlain(data)
	}
	return data[:end], data[end+1:]
}

// Of marks the line, which has no newline.
func (m *Marks) Of(line []byte) *Marks {
	m.mark(line)
	return m
}

// findPlain returns where the first line of data ends.
func (m *Marks) findPlain(data []byte) int {
	end := bytes.IndexByte(data, '\n')
	m.mark(data[:end])
	return end
}

func (m *Marks) mark(line []byte) {
	m.blank = bytes.IndexByte(line[:min(len(line), markedBlank)], ' ')
	m.n = 0
	for at := 0; m.n <= maxQuotes; m.n++ {
		next := bytes.IndexByte(line[at:], '"')
		if next < 0 {
			return
		}
		m.quotes[m.n] = int32(at + next)
		at += next + 1
	}
}
