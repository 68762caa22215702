package policies

import (
	"bytes"
	"errors"
	"io/fs"

	"hushpipe/filter/dir"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// Log is all policies that ran, the first one first.
type Log []Entry

// ReadLog returns the log of a DIR, an empty one where no policy ran. Lines that cannot
// be parsed are left out, and so are those past the last 16 MiB. A log that others than
// root and this user could have written is an error that is not the system's.
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

// ReadLogOf is ReadLog for who only looks at the DIR at path, and lets nothing through by
// what it finds: root takes the log of any owner.
func ReadLogOf(path string) (Log, error) {
	d, err := dir.Open(path, dir.Options{})
	if err != nil {
		return nil, err
	}
	defer d.Close()
	return readLog(d, byOwner)
}

// ran returns the days on which an entry's policy ran, in the zone of the process.
func (l Log) ran(i int) policy.Span {
	days := policy.Span{From: civil.DayOf(l[i].Began.Local()), Until: policy.Always.Until}
	if i+1 < len(l) {
		days.Until = civil.DayOf(l[i+1].Began.Local())
	}
	return days
}

// Earlier is policy.Earlier: the stream was active, while the policy that says so ran.
func (l Log) Earlier(stream string, before civil.Day) bool {
	for i := range l {
		if l[i].Stream(stream).Active.Meet(l.ran(i)).From < before {
			return true
		}
	}
	return false
}

// For returns the policies that could let lines of a day be written to a stream, the
// newest first; none where it was not active. Late lines are written under a policy that
// began after their day, and those of zones ahead on the day before.
func (l Log) For(stream string, day civil.Day) (list []Entry) {
	for i := len(l) - 1; i >= 0; i-- {
		if l[i].Stream(stream).Active.Has(day) && day-1 <= l.ran(i).Until {
			list = append(list, l[i])
		}
	}
	return list
}

// RanOn returns the policies that ran on a day and let lines of it into the stream, the
// first one first.
func (l Log) RanOn(stream string, day civil.Day) (list []Entry) {
	for i := range l {
		if l.ran(i).Has(day) && l[i].Stream(stream).Active.Has(day) {
			list = append(list, l[i])
		}
	}
	return list
}

// Policy returns the policy of an entry, as long as its text is kept.
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
