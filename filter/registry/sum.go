package registry

import (
	"errors"
	"io/fs"
	"path/filepath"
	"reflect"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Sum is what all processes on DIR counted, for status.
type Sum struct {
	Days      map[string]counters.Values // of 31 days at most, by the date on which they were counted
	LastError Fault
	Live      []Live // processes that live
	Unread    []Live // those that have ended, whose records may not be read
	// UnnamedTo is the last day whose lines may hold the names of clients in clear: the
	// one behind the last on which an earlier version counted a malformed line, since it
	// wrote such a line to the day of its date, which is no later, or to that on which
	// it came.
	UnnamedTo civil.Day
}

// Live is the record of a process.
type Live struct {
	File string // its path below DIR
	Process
	Err error // why the record cannot be read
}

// Read adds up the records in DIR. It writes nothing. Where the sum of the processes
// that have ended is not known, the error says so, ErrRecord for one that is damaged,
// and what is returned is that of the others.
func Read(d *dir.Dir, now time.Time) (s Sum, err error) {
	t, list, err := settledRecords(d)
	for _, f := range list {
		one := Live{filepath.Join(dir.Status, f.id+dir.RecordSuffix), f.record.Process, f.err}
		switch {
		case f.gone():
			t.add(f.id, f.record, now)
		case f.live:
			s.Live = append(s.Live, one)
			t.addLive(f.record)
		case errors.Is(f.err, fs.ErrPermission): // what is broken otherwise, audit has seen
			s.Unread = append(s.Unread, one)
		}
	}
	if err != nil || len(s.Unread) > 0 {
		t.NamedFrom = (civil.DayOf(now) + 1).String()
	}
	t.settleNames()
	s.UnnamedTo, _ = civil.ParseDay(t.NamedFrom)
	for date, c := range t.Days {
		if day, ok := civil.ParseDay(date); ok && unnamed(c) > 0 {
			s.UnnamedTo = max(s.UnnamedTo, day+1)
		}
	}
	forgetDays(t.Days)
	s.Days, s.LastError = t.Days, t.LastError
	return s, err
}

// addLive takes in the record of a process that lives.
func (t *totals) addLive(r processRecord) {
	if t.Days == nil {
		t.Days = map[string]counters.Values{}
	}
	for day, c := range r.Days {
		t.Days[day] = t.Days[day].Plus(c)
	}
	if r.LastError.Time.After(t.LastError.Time) {
		t.LastError = r.LastError
	}
}

// settledRecords is findRecords at a moment when nothing is folded: a record that is
// read before it is folded, and the total after two folds, would count twice.
func settledRecords(d *dir.Dir) (t totals, list []found, err error) {
	for range 64 {
		var before totals
		err := readJSON(d, dir.EndedName, &before)
		t, list, err2 := findRecords(d)
		if err2 != nil || dir.IfExists(err) == nil && reflect.DeepEqual(before, t) {
			return t, list, err2
		}
	}
	return findRecords(d)
}
