package audit

import (
	"bytes"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// rawSize is how much of a log is read to see what it holds.
const rawSize = 256 << 10

// RawLogs returns the access logs in a directory that hold addresses in clear, those of
// earlier days, say. Those in known are left out. Of a directory that cannot be read it
// returns none. way reads lines of whatever format.
func RawLogs(at string, known map[string]bool, way Way) (raw []string) {
	entries, _ := os.ReadDir(at)
	for _, e := range entries {
		path := filepath.Join(at, e.Name())
		if strings.Contains(e.Name(), "log") && strings.Contains(e.Name(), "access") && e.Type().IsRegular() && !known[path] && isRaw(path, way) {
			raw = append(raw, path)
		}
	}
	return raw
}

// isRaw reports whether one of the first lines has an address that is not a pseudonym.
func isRaw(path string, way Way) bool {
	f, err := openRegular(path)
	if err != nil {
		return false
	}
	defer f.Close()
	text, stop, err := decoded(f, f)
	if err != nil {
		return false
	}
	defer stop()
	p, err := way(pseudonym.NewProof(nil, []pseudonym.Mode{{}}), 0, nil)
	if err != nil {
		return false
	}
	lines, _ := io.ReadAll(io.LimitReader(text, rawSize)) // what could be read tells
	for line := range bytes.Lines(lines) {
		if d := p.Look(line); slices.Contains([]treatment.Doubt{treatment.Address4, treatment.Address6, treatment.HostName}, d) {
			return true
		}
	}
	return false
}
