package registry

import (
	"errors"
	"io/fs"
	"strings"
	"time"

	"hushpipe/filter/counters"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Activity is when processes ran on a DIR, as far as their records show.
type Activity struct {
	Last time.Time          // the last sign of life, in the local zone; zero: unknown
	Days map[civil.Day]bool // days with a process, of the last 31; true: it also wrote lines
}

// ReadActivity reads the records in a DIR or a copy of one. In a copy nobody can tell which
// processes are alive, so it takes no lock.
func ReadActivity(d *dir.Dir) (l Activity, err error) {
	l.Days = map[civil.Day]bool{}
	names, err := d.Names(dir.Status)
	if err != nil {
		return l, err
	}
	for _, name := range names {
		if !strings.HasSuffix(name, dir.RecordSuffix) {
			continue
		}
		var r processRecord
		var ended totals
		of := &r.Days
		if name == dir.EndedName {
			err, of = readJSON(d, name, &ended), &ended.Days
		} else {
			err = readJSON(d, name, &r)
		}
		if errors.Is(err, fs.ErrNotExist) || errors.Is(err, ErrRecord) { // the status command reports damage
			continue
		}
		if err != nil {
			return l, err
		}
		if r.Written.After(l.Last) {
			l.Last = r.Written
		}
		l.add(*of)
	}
	// Totals of ended processes have days but no times: use the beginning of the last day.
	for day := range l.Days {
		if l.Last.IsZero() || day > civil.DayOf(l.Last) {
			year, month, mday := day.Date()
			l.Last = time.Date(year, time.Month(month), mday, 0, 0, 0, 0, time.Local)
		}
	}
	return l, nil
}

func (l *Activity) add(days map[string]counters.Values) {
	for date, v := range days {
		if day, ok := civil.ParseDay(date); ok {
			l.Days[day] = l.Days[day] || v.Lines > v.Late+v.Expired+v.Malformed+v.Failed
		}
	}
}
