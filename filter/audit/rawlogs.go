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

// rawSize is how much of a log is read to classify it.
const rawSize = 256 << 10

// RawLogs returns the access logs in a directory that contain addresses in clear, such as
// those of earlier days, except those in known. If the directory cannot be read it returns
// none. way must read lines of any format.
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
	lines, _ := io.ReadAll(io.LimitReader(text, rawSize)) // use what could be read
	for line := range bytes.Lines(lines) {
		if d := p.Look(line); slices.Contains([]treatment.Doubt{treatment.Address4, treatment.Address6, treatment.HostName}, d) {
			return true
		}
	}
	return false
}
