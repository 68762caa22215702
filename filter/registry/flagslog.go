package registry

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// maxFlagsLog bounds the part of the log that is read, at its end.
const maxFlagsLog = 1 << 20

// FlagsLog lists the flags that shaped the lines of a DIR, as DIR/flags.log records them,
// the earliest first. It has only the flags in shaping.
//
//	2026-11-22T12:00:00Z empty
//	2026-11-22T12:00:00Z filter --format="auto"
//	2026-11-24T09:30:00Z filter --format="auto" --redact="q"
//	2026-11-25T10:00:00Z replay 2026-11-19 --format="common"
//
// The first line means that DIR had no lines before. A filter's flags end when the next
// filter begins, as far as the log can tell: after a reload, old loggers still run for
// hours. A replay's flags apply to the lines of one day.
type FlagsLog struct {
	complete bool // DIR was empty when the log began
	runs     []flagsLine
}

// flagsLine is a line of the log.
type flagsLine struct {
	began time.Time
	kind  string
	day   civil.Day // of a replay
	flags []string  // --name=value
}

const (
	emptyWord  = "empty"
	filterWord = "filter"
	replayWord = "replay"
)

// tornMark is appended to a torn line, so that it cannot be parsed.
const tornMark = " torn"

// shaping are the flags that shape lines. Those for addresses are in the journals.
var shaping = []string{"--format", "--client", "--trusted-proxies", "--json-keys", "--redact"}

// shapes returns those of flags that shape lines. ok is false if a policy shapes them
// instead.
func shapes(flags []string) (list []string, ok bool) {
	for _, flag := range flags {
		name, value, _ := strings.Cut(flag, "=")
		if name == "--policy" && value != "" {
			return nil, false
		}
		if value != "" && slices.Contains(shaping, name) {
			list = append(list, flag)
		}
	}
	return list, true
}

func (r flagsLine) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s", r.began.UTC().Format(time.RFC3339), r.kind)
	if r.kind == replayWord {
		fmt.Fprintf(&b, " %s", r.day)
	}
	for _, flag := range r.flags {
		name, value, _ := strings.Cut(flag, "=")
		fmt.Fprintf(&b, " %s=%s", name, strconv.Quote(value))
	}
	return b.String()
}

// sameFlags reports whether two lines differ only in their time.
func (r flagsLine) sameFlags(other flagsLine) bool {
	return r.kind == other.kind && r.day == other.day && slices.Equal(r.flags, other.flags)
}

func parseRun(line string) (r flagsLine, ok bool) {
	at, rest, _ := strings.Cut(line, " ")
	var err error
	if r.began, err = time.Parse(time.RFC3339, at); err != nil {
		return r, false
	}
	r.kind, rest, _ = strings.Cut(rest, " ")
	if r.kind == replayWord {
		var day string
		day, rest, _ = strings.Cut(rest, " ")
		if r.day, ok = civil.ParseDay(day); !ok {
			return r, false
		}
	}
	for rest != "" {
		name, value, _ := strings.Cut(rest, "=")
		quoted, err := strconv.QuotedPrefix(value)
		if err != nil || !strings.HasPrefix(name, "--") {
			return r, false
		}
		text, _ := strconv.Unquote(quoted)
		r.flags = append(r.flags, name+"="+text)
		rest = strings.TrimPrefix(value[len(quoted):], " ")
	}
	return r, r.kind == emptyWord || r.kind == filterWord || r.kind == replayWord
}

// ReadFlagsLog returns the log of the DIR at path. If an earlier version kept none, it has
// only the flags of the settings.
func ReadFlagsLog(path string) (l FlagsLog, err error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return l, err
	}
	defer d.Close()
	if l, err = readFlagsLog(d); len(l.runs) > 0 || err != nil {
		return l, err
	}
	s, err := readSettings(d)
	if errors.Is(err, fs.ErrNotExist) {
		return l, nil
	}
	if flags, ok := shapes(s.Flags); ok && err == nil {
		l.runs = append(l.runs, flagsLine{began: s.Started, kind: filterWord, flags: flags})
	}
	return l, err
}

func readFlagsLog(d *dir.Dir) (l FlagsLog, err error) {
	text, _, err := readFlagsText(d)
	if err != nil {
		return l, dir.IfExists(err)
	}
	for line := range bytes.Lines(text) {
		whole, ended := bytes.CutSuffix(line, []byte("\n"))
		switch r, ok := parseRun(string(whole)); {
		case !ok || !ended:
		case r.kind == emptyWord:
			l.complete = len(l.runs) == 0
		default:
			l.runs = append(l.runs, r)
		}
	}
	return l, nil
}

// FlagsFor returns the flags that could have shaped lines of a day, the newest first. known
// is false if there may have been others, which nothing records. It includes flags that
// began after the day, which shaped late lines, and on the day before, for time zones ahead.
func (l FlagsLog) FlagsFor(day civil.Day) (list [][]string, known bool) {
	end := day + 1
	for _, r := range slices.Backward(l.runs) {
		began := civil.DayOf(r.began.Local())
		possible := day-1 <= end
		if r.kind == replayWord {
			possible = day == r.day
		}
		if possible && !slices.ContainsFunc(list, func(other []string) bool { return slices.Equal(other, r.flags) }) {
			list = append(list, r.flags)
		}
		if r.kind == filterWord {
			end = began
		}
	}
	first := slices.IndexFunc(l.runs, func(r flagsLine) bool { return r.kind == filterWord })
	return list, l.complete || first >= 0 && day > civil.DayOf(l.runs[first].began.Local())+1
}

// logFlags adds a line to the log, unless its last line, or for a replay any line, has the
// same flags. before are the settings that DIR recorded until now, from a time that the log
// may not cover.
func logFlags(d *dir.Dir, r flagsLine, before Settings, recorded bool) error {
	unlock, err := d.LockFlags(dir.LockPatience)
	if err != nil {
		return err
	}
	defer unlock()
	l, err := readFlagsLog(d)
	if err != nil {
		return err
	}
	var lines []string
	if len(l.runs) == 0 {
		first, ok := shapes(before.Flags)
		switch {
		case recorded && ok && before.Started.Before(r.began):
			r := flagsLine{began: before.Started, kind: filterWord, flags: first}
			lines, l.runs = append(lines, r.String()), append(l.runs, r)
		case !recorded && !hasLinesBefore(d, r.began):
			lines = append(lines, flagsLine{began: r.began, kind: emptyWord}.String())
		}
	}
	from := max(0, len(l.runs)-1)
	if r.kind == replayWord {
		from = 0 // a replay ends no other flags
	}
	if !slices.ContainsFunc(l.runs[from:], r.sameFlags) {
		lines = append(lines, r.String())
	}
	if len(lines) == 0 {
		return nil
	}
	f, err := d.OpenFile("", dir.FlagsLogName, os.O_RDWR|os.O_APPEND|os.O_CREATE)
	if err != nil {
		return err
	}
	defer f.Close()
	last := []byte{'\n'}
	if info, err := f.Stat(); err == nil && info.Size() > 0 {
		if _, err := f.ReadAt(last, info.Size()-1); err != nil {
			return err
		}
	}
	if last[0] != '\n' { // left by a full disk; without the mark, it could pass for fewer flags
		lines = slices.Insert(lines, 0, tornMark)
	}
	// A single write, so that it does not mix with that of a process of an earlier version,
	// which takes no lock.
	_, err = io.WriteString(f, strings.Join(lines, "\n")+"\n")
	return err
}

// hasLinesBefore reports whether DIR has lines from before the time began.
func hasLinesBefore(d *dir.Dir, began time.Time) bool {
	names, err := d.Names("")
	if err != nil {
		return true
	}
	for _, name := range names {
		if _, _, ok := dir.ParseLog(name); !ok {
			continue
		}
		var st unix.Stat_t
		if err := d.Lstat(name, &st); err != nil || time.Unix(st.Mtim.Unix()).Before(began) {
			return true
		}
	}
	return false
}
