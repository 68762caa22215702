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

// Sum is the total of all processes on DIR, for status.
type Sum struct {
	Days      map[string]counters.Values // at most 31, by the date of counting
	LastError Fault
	Live      []Live // live processes
	Unread    []Live // ended processes whose records may not be read
	// UnnamedTo is the last day whose lines may contain client names in clear. An earlier
	// version wrote malformed lines unchanged, to the day of their date, or to the day of
	// arrival if that is earlier; this is one day after the last on which it counted one.
	UnnamedTo civil.Day
}

// Live is the record of a process, for Sum.
type Live struct {
	File string // path relative to DIR
	Process
	Err error // why the record cannot be read
}

// Read adds up the records in DIR. It writes nothing. If the total of ended processes cannot
// be read, Read returns that error (ErrRecord if it is damaged) and the sum of the others.
func Read(d *dir.Dir, now time.Time) (s Sum, err error) {
	t, list, err := stableRecords(d)
	for _, f := range list {
		one := Live{filepath.Join(dir.Status, f.id+dir.RecordSuffix), f.record.Process, f.err}
		switch {
		case f.needsFold():
			t.add(f.id, f.record, now)
		case f.live:
			s.Live = append(s.Live, one)
			t.addLive(f.record)
		case errors.Is(f.err, fs.ErrPermission): // audit has reported other errors
			s.Unread = append(s.Unread, one)
		}
	}
	if err != nil || len(s.Unread) > 0 {
		t.NamedFrom = (civil.DayOf(now) + 1).String()
	}
	t.setNamedFrom()
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

// addLive adds the record of a live process.
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

// stableRecords is findRecords, repeated until no fold happens meanwhile: otherwise a record
// read before it is folded, and a total read after two folds, would be counted twice.
func stableRecords(d *dir.Dir) (t totals, list []foundRecord, err error) {
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
