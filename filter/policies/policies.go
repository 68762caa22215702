// Package policies implements the record of the policies that ran on DIR: for good which
// one began when, and the text of each.
package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"syscall"
	"time"

	"hushpipe/filter/dir"
)

// maxText bounds the text of a policy, and maxTail what is read of the log.
const (
	MaxText = 1 << 20
	maxTail = 64 << 10
)

// Entry is a line of DIR/policies.log, "2026-11-22T12:00:00Z DIGEST web,meet": a policy
// that begins to run.
type Entry struct {
	Began   time.Time
	Digest  string
	Streams []string
}

func (e Entry) String() string {
	return fmt.Sprintf("%s %s %s", e.Began.UTC().Format(time.RFC3339), e.Digest, strings.Join(e.Streams, ","))
}

func parseEntry(line string) (e Entry, ok bool) {
	words := strings.Split(line, " ")
	if len(words) != 3 || len(words[1]) != 64 || strings.Trim(words[1], "0123456789abcdef") != "" {
		return e, false
	}
	at, err := time.Parse(time.RFC3339, words[0])
	return Entry{at, words[1], strings.Split(words[2], ",")}, err == nil
}

// Record notes that a policy begins to run, unless it is the one that ran last: first
// its text, then the line of the log.
func Record(d *dir.Dir, e Entry, text []byte) error {
	there, err := read(d, dir.Policies, dir.PolicyFile(e.Digest), MaxText, byOwner)
	if err != nil || string(there) != string(text) {
		if err := d.ReplaceFile(dir.Policies, dir.PolicyFile(e.Digest), text); err != nil {
			return err
		}
	}
	last, err := lastEntry(d, byOwner)
	if err == nil && last.Digest == e.Digest {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errLog) {
		return err
	}
	f, err := d.OpenFile("", dir.PoliciesLogName, os.O_WRONLY|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	// One write: it stands whole beside that of another process.
	if _, err := f.Write([]byte(e.String() + "\n")); err != nil {
		return err
	}
	return f.Sync()
}

// Last returns the policy that began to run last in the DIR at path, an error that is
// fs.ErrNotExist where none ran. Those of other users than root and this one are an error.
func Last(path string) (e Entry, text []byte, err error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return e, nil, err
	}
	defer d.Close()
	if e, err = lastEntry(d, byUs); err != nil {
		return e, nil, err
	}
	text, err = read(d, dir.Policies, dir.PolicyFile(e.Digest), MaxText, byUs)
	return e, text, err
}

// lastEntry returns the last whole line of the log. One that cannot be parsed is an
// error: an earlier policy may allow what this one forbids.
func lastEntry(d *dir.Dir, by writers) (last Entry, err error) {
	tail, err := read(d, "", dir.PoliciesLogName, maxTail, by)
	if err != nil {
		return last, err
	}
	whole := string(tail[:bytes.LastIndexByte(tail, '\n')+1])
	line := strings.TrimSuffix(whole, "\n")
	last, ok := parseEntry(line[strings.LastIndexByte(line, '\n')+1:])
	if !ok {
		return last, d.Error("read", "", dir.PoliciesLogName, errLog)
	}
	return last, nil
}

var (
	errLog     = errors.New("its last line names no policy; hint: a newer hushpipe may have written it, else remove it")
	errForeign = errors.New("belongs to another user; hint: remove it")
	errOthers  = errors.New("others can write it; hint: remove it")
)

// writers are those who may have written a file.
type writers int

const (
	byUs    writers = iota // root, or the user of the process
	byOwner                // for root anybody, as what root writes belongs to the owner of DIR
)

// read returns the last bytes of a file, as many as most. It is an error if others
// could have written them.
func read(d *dir.Dir, sub, name string, most int64, by writers) ([]byte, error) {
	f, err := d.OpenFile(sub, name, os.O_RDONLY)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	info, err := f.Stat()
	if err != nil {
		return nil, err
	}
	if err := checkWriters(info, by); err != nil {
		return nil, d.Error("read", sub, name, err)
	}
	if _, err := f.Seek(max(info.Size()-most, 0), io.SeekStart); err != nil {
		return nil, err
	}
	return io.ReadAll(io.LimitReader(f, most))
}

// checkWriters returns an error where others can write a file.
func checkWriters(info fs.FileInfo, by writers) error {
	st, ok := info.Sys().(*syscall.Stat_t)
	switch {
	case ok && st.Uid != 0 && int(st.Uid) != os.Geteuid() && (by == byUs || os.Geteuid() != 0):
		return errForeign
	case info.Mode().Perm()&0o022 != 0:
		return errOthers
	}
	return nil
}
