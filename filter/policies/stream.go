package policies

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"hushpipe/filter/dir"
	"hushpipe/format/policy"
)

// Terms are a policy's rules for a directory.
type Terms struct {
	Home   string         // the DIR of the policy
	Policy *policy.Policy // the newest one recorded there with the stream
	Stream *policy.Stream
}

// TermsOf returns the rules of the newest policy that has the directory at path as a stream,
// or nil if none has. If that policy cannot be read, it returns an error, since
// what it allows is unknown.
func TermsOf(path string) (*Terms, error) {
	full, err := filepath.Abs(path)
	if err == nil {
		full, err = filepath.EvalSymlinks(full)
	}
	if err != nil {
		return nil, err
	}
	home, name := filepath.Dir(full), filepath.Base(full)
	if _, err := os.Lstat(filepath.Join(home, dir.PoliciesLogName)); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	d, err := dir.Open(home, dir.Options{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	log, err := read(d, "", dir.PoliciesLogName, maxLog, byOwner)
	if err != nil {
		return nil, err
	}
	lines := strings.Split(string(log), "\n")
	for _, line := range slices.Backward(lines[:len(lines)-1]) { // the text after the last newline is being written
		e, ok := parseEntry(line)
		if !ok {
			return nil, d.Error("read", "", dir.PoliciesLogName, errLine)
		}
		if !e.has(name) {
			continue
		}
		p, err := e.Policy(d)
		if err == nil && p.Stream(name) == nil {
			err = d.Error("read", dir.Policies, dir.PolicyFile(e.Digest), errMismatch)
		}
		if err != nil {
			return nil, fmt.Errorf("the policy of the stream %s cannot be read: %w", name, err)
		}
		return &Terms{home, p, p.Stream(name)}, nil
	}
	return nil, nil
}

var (
	errLine     = errors.New("a line of it names no policy; hint: a newer hushpipe may have written it")
	errMismatch = errors.New("is not the policy that was recorded, or one of a newer version")
)
