package daylog

import (
	"bytes"
	"io"
	"os"
	"slices"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// tailSize is how far back a batch is searched: the largest batch, of 64 KiB before it was
// processed, and what other processes may have written after it.
const tailSize = 256 << 10

// Holds reports whether the first of these lines is at the end of the day's files already.
// Pseudonyms are deterministic, so a batch that a killed process wrote but did not commit is
// identical when it is read again.
func (l *Log) Holds(day civil.Day, lines []byte) bool {
	names, _ := l.d.Names("")
	looked := 0
	for _, log := range slices.Backward(dir.Logs(names)) {
		if log.Day != day {
			continue
		}
		if looked++; looked > tailFiles {
			break
		}
		if l.holds(log, lines) {
			return true
		}
	}
	return false
}

// tailFiles is the number of a day's files that can contain a batch and what followed it.
const tailFiles = 3

func (l *Log) holds(log dir.Log, lines []byte) bool {
	f, err := l.d.OpenFile("", log.Name(), os.O_RDONLY)
	if err != nil {
		return false
	}
	defer f.Close()
	st, err := f.Stat()
	if err != nil {
		return false
	}
	from := max(0, st.Size()-tailSize)
	tail, err := io.ReadAll(io.NewSectionReader(f, from, st.Size()-from))
	line := lines[:bytes.IndexByte(lines, '\n')+1]
	return err == nil && (from == 0 && bytes.HasPrefix(tail, line) || bytes.Contains(tail, append([]byte{'\n'}, line...)))
}
