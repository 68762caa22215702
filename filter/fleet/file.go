package fleet

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"

	"hushpipe/filter/fleet/ratchet"
)

// File is what is known of a fleet, as all its hosts have it in a file. It has no secret.
// Lines are a word and what it says; those that begin with # say nothing.
type File struct {
	Name string // see ratchet.CheckName
}

// mostFile bounds the file, in bytes.
const mostFile = 64 << 10

// ReadFile reads the file at path.
func ReadFile(path string) (File, error) {
	f, err := os.Open(path)
	if err != nil {
		return File{}, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, mostFile+1))
	if err != nil {
		return File{}, err
	}
	file, err := parseFile(text)
	if err != nil {
		err = &fs.PathError{Op: "read", Path: path, Err: err}
	}
	return file, err
}

// parseFile reads such a text.
func parseFile(text []byte) (f File, err error) {
	if len(text) > mostFile {
		return File{}, errors.New("is too large to be a fleet's file")
	}
	n := 0
	for line := range strings.Lines(string(text)) {
		n++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' {
			continue
		}
		word, value, _ := strings.Cut(line, " ")
		switch value = strings.TrimSpace(value); {
		case word != "name":
			return File{}, fmt.Errorf("line %d: an unknown word; hint: a fleet's file has a line 'name NAME'", n)
		case f.Name != "":
			return File{}, fmt.Errorf("line %d: a second name; hint: remove one", n)
		}
		if err := ratchet.CheckName(value); err != nil {
			return File{}, fmt.Errorf("line %d: %w", n, err)
		}
		f.Name = value
	}
	if f.Name == "" {
		return File{}, errors.New("has no name; hint: make it by hushpipe fleet new")
	}
	return f, nil
}

// AppendText appends the text that parseFile reads.
func (f File) AppendText(dst []byte) []byte {
	return fmt.Appendf(dst, "# A fleet: hosts that share the keys of their days, see hushpipe-fleet(1). All of them\n"+
		"# have this file. It holds no secret.\nname %s\n", f.Name)
}
