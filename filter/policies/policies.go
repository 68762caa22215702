// Package policies records the policies that ran on DIR: forever, when each one started and
// when its streams were active; and its text, while lines written under it exist.
package policies

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// MaxText bounds the text of a policy, maxTail the part read at the end of the log, and
// maxLog the part read of the whole log.
const (
	MaxText = 1 << 20
	maxTail = 64 << 10
	maxLog  = 16 << 20
)

// Entry is a line of DIR/policies.log, for a policy that starts:
//
//	2026-11-22T12:00:00Z DIGEST web,cost=2026-11-20..2026-12-10,misuse=closed
//
// It ran until the next one started; from then on, its loggers do no more than that one
// allows.
type Entry struct {
	Began   time.Time
	Digest  string
	Streams []Stream
}

// Stream is a stream of a policy that ran.
type Stream struct {
	Name    string
	Gated   bool
	OneUser bool        // active only for one user: "=2026-11-20..2026-12-10/user"
	Active  policy.Span // dates of lines
}

// NewEntry returns the entry of a policy whose gates are open as given.
func NewEntry(began time.Time, p *policy.Policy, open []policy.Opening) Entry {
	e := Entry{Began: began, Digest: p.Digest()}
	for i := range p.Streams {
		s := &p.Streams[i]
		e.Streams = append(e.Streams, Stream{s.Name, s.Gate != nil, open[i].User != "", open[i].Span})
	}
	return e
}

// has reports whether the policy has a stream with that name.
func (e *Entry) has(name string) bool {
	return slices.ContainsFunc(e.Streams, func(s Stream) bool { return s.Name == name })
}

// Stream returns the stream with that name, never active if the policy has none.
func (e *Entry) Stream(name string) Stream {
	for _, s := range e.Streams {
		if s.Name == name {
			return s
		}
	}
	return Stream{Name: name, Active: policy.Never}
}

func (e Entry) String() string {
	var streams []string
	for _, s := range e.Streams {
		streams = append(streams, s.String())
	}
	return fmt.Sprintf("%s %s %s", e.Began.UTC().Format(time.RFC3339), e.Digest, strings.Join(streams, ","))
}

const (
	closed  = "closed"
	oneUser = "/user"
)

func (s Stream) String() string {
	switch {
	case !s.Gated:
		return s.Name
	case s.Active.IsEmpty():
		return s.Name + "=" + closed
	case s.OneUser:
		return fmt.Sprintf("%s=%v..%v%s", s.Name, s.Active.From, s.Active.Until, oneUser)
	}
	return fmt.Sprintf("%s=%v..%v", s.Name, s.Active.From, s.Active.Until)
}

func parseStream(text string) (s Stream, ok bool) {
	s.Active = policy.Always
	var when string
	if s.Name, when, s.Gated = strings.Cut(text, "="); !s.Gated {
		return s, s.Name != ""
	}
	if when == closed {
		s.Active = policy.Never
		return s, s.Name != ""
	}
	when, s.OneUser = strings.CutSuffix(when, oneUser)
	from, until, _ := strings.Cut(when, "..")
	first, ok := civil.ParseDay(from)
	last, ok2 := civil.ParseDay(until)
	s.Active = policy.Span{From: first, Until: last}
	return s, s.Name != "" && ok && ok2 && !s.Active.IsEmpty()
}

func parseEntry(line string) (e Entry, ok bool) {
	words := strings.Split(line, " ")
	if len(words) != 3 || len(words[1]) != 64 || strings.Trim(words[1], "0123456789abcdef") != "" {
		return e, false
	}
	at, err := time.Parse(time.RFC3339, words[0])
	e = Entry{Began: at, Digest: words[1]}
	for text := range strings.SplitSeq(words[2], ",") {
		s, ok := parseStream(text)
		if !ok {
			return e, false
		}
		e.Streams = append(e.Streams, s)
	}
	return e, err == nil
}

// Record records the start of a policy, unless it is the one that started last: first its
// text, then the line of the log.
func Record(d *dir.Dir, e Entry, text []byte) error {
	there, err := read(d, dir.Policies, dir.PolicyFile(e.Digest), MaxText, byOwner)
	if err != nil || string(there) != string(text) {
		err = d.ReplaceFile(dir.Policies, dir.PolicyFile(e.Digest), text)
	} else {
		err = MarkRunning(d, e.Digest)
	}
	if err != nil {
		return err
	}
	last, err := lastEntry(d, byOwner)
	if err == nil && last.String() == (Entry{last.Began, e.Digest, e.Streams}).String() {
		return nil
	}
	if err != nil && !errors.Is(err, fs.ErrNotExist) && !errors.Is(err, errLog) {
		return err
	}
	f, err := d.OpenFile("", dir.PoliciesLogName, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	line := e.String() + "\n"
	if end, err := f.Seek(0, io.SeekEnd); err != nil {
		return err
	} else if before := []byte{'\n'}; end > 0 {
		if _, err := f.ReadAt(before, end-1); err != nil {
			return err
		}
		if before[0] != '\n' { // the disk was full
			line = "\n" + line
		}
	}
	// A single write, so that lines of several processes do not mix.
	if _, err := io.WriteString(f, line); err != nil {
		return err
	}
	return f.Sync()
}

// MarkRunning marks a policy as running, so that its text is kept at least as long as the
// current lines.
func MarkRunning(d *dir.Dir, digest string) error {
	f, err := d.OpenFile(dir.Policies, dir.PolicyFile(digest), os.O_RDWR)
	if err != nil {
		return dir.IfExists(err)
	}
	defer f.Close()
	// A logger may write but not set times, so it rewrites the first byte to update the
	// modification time. A text that replaces this one meanwhile is not changed.
	var first [1]byte
	if _, err = f.ReadAt(first[:], 0); err == nil {
		_, err = f.WriteAt(first[:], 0)
	}
	return err
}

// PurgeTexts deletes the texts of policies without any remaining lines: oldest is the day of
// the oldest line, in any stream. It returns the names of the deleted files, relative to
// DIR. It keeps the texts of the newest policy and of those that a logger runs.
func PurgeTexts(d *dir.Dir, oldest civil.Day, now time.Time) (deleted []string, err error) {
	names, err := d.Names(dir.Policies)
	if err != nil || len(names) == 0 {
		return nil, dir.IfExists(err)
	}
	newest, err := lastEntry(d, byOwner)
	if err != nil {
		return nil, err
	}
	texts, err := d.OpenSub(dir.Policies)
	if err != nil {
		return nil, dir.IfExists(err)
	}
	defer texts.Close()
	var errs []error
	for _, name := range names {
		if name == dir.PolicyFile(newest.Digest) || !dir.IsPolicyFile(name) {
			continue
		}
		ran, err := texts.Modified(name)
		if err != nil {
			continue // another process deleted it
		}
		// Lines may be dated a day later, in time zones ahead. Loggers call MarkRunning
		// every hour.
		last := civil.DayOf(ran.In(now.Location())) + 1
		if oldest <= last || civil.DayOf(now) <= last {
			continue
		}
		if err := dir.IfExists(d.Remove(dir.Policies, name)); err != nil {
			errs = append(errs, err)
		} else {
			deleted = append(deleted, dir.Policies+"/"+name)
		}
	}
	return deleted, errors.Join(errs...)
}

// Last returns the policy that started last in the DIR at path, or an error that is
// fs.ErrNotExist if none ran. Files of users other than root and this one are an error.
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

// lastEntry returns the last whole line of the log. It does not fall back to an earlier line
// if that cannot be parsed, since an earlier policy may allow what this one forbids.
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

// writers are the users that may have written a file.
type writers int

const (
	byUs    writers = iota // root, or the process's user
	byOwner                // if root reads, anybody: root's files belong to the owner of DIR
)

// read returns at most the last most bytes of a file. It is an error if others could have
// written them.
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

// checkWriters returns an error if others can write a file.
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
