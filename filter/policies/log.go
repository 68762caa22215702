package policies

import (
	"bytes"
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// Log lists all policies that ran, the earliest first.
type Log []Entry

// ReadLog returns the log of a DIR, empty if no policy ran. It skips lines that cannot be
// parsed, and those before the last 16 MiB. A log that users other than root and this one
// could have written is an error.
func ReadLog(d *dir.Dir) (Log, error) { return readLog(d, byUs) }

func readLog(d *dir.Dir, by writers) (l Log, err error) {
	text, err := read(d, "", dir.PoliciesLogName, maxLog, by)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	} else if err != nil {
		return nil, err
	}
	for line := range bytes.Lines(text) {
		if e, ok := parseEntry(string(bytes.TrimSuffix(line, []byte("\n")))); ok {
			l = append(l, e)
		}
	}
	return l, nil
}

// ReadLogOf is ReadLog for commands that only report, and grant nothing because of the log:
// root accepts the log of any owner.
func ReadLogOf(path string) (Log, error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return readLog(d, byOwner)
}

// ran returns the days on which an entry's policy ran, in the process's time zone.
func (l Log) ran(i int) policy.Span {
	days := policy.Span{From: civil.DayOf(l[i].Began.Local()), Until: policy.Always.Until}
	if i+1 < len(l) {
		days.Until = civil.DayOf(l[i+1].Began.Local())
	}
	return days
}

// Earlier implements policy.Earlier: it reports whether the stream was active before a day,
// under a policy that ran then.
func (l Log) Earlier(stream string, before civil.Day) bool {
	for i := range l {
		if l[i].Stream(stream).Active.Meet(l.ran(i)).From < before {
			return true
		}
	}
	return false
}

// For returns the policies that could admit lines of a day to a stream, the newest first;
// none if it was not active. It includes policies that started after the day, which admitted
// late lines, and on the day before, for time zones ahead.
func (l Log) For(stream string, day civil.Day) (list []Entry) {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].Stream(stream).Active.Has(day) && day-1 <= l.ran(i).Until {
			list = append(list, l[i])
		}
	}
	return list
}

// RanOn returns the policies that ran on a day and admitted lines of that day to the stream,
// the earliest first.
func (l Log) RanOn(stream string, day civil.Day) (list []Entry) {
	for i := range l {
		if l.ran(i).Has(day) && l[i].Stream(stream).Active.Has(day) {
			list = append(list, l[i])
		}
	}
	return list
}

// Policy returns the policy of an entry, while its text is kept.
func (e *Entry) Policy(d *dir.Dir) (*policy.Policy, error) {
	text, err := read(d, dir.Policies, dir.PolicyFile(e.Digest), MaxText, byOwner)
	if err != nil {
		return nil, err
	}
	p, mistakes := policy.Parse(text)
	if len(mistakes) > 0 || p.Digest() != e.Digest {
		return nil, d.Error("read", dir.Policies, dir.PolicyFile(e.Digest), errMismatch)
	}
	return p, nil
}
