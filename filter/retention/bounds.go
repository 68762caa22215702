package retention

import (
	"errors"
	"io/fs"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Besides its rule, which is a period, a directory records further bounds on its lines
// in DIR/bounds. A process that starts rewrites the file if its own bounds differ:
// those of the newest policy apply to all existing lines and live processes. So an
// empty file is written when the last bound is dropped.

// ReadBounds returns the bounds that DIR records, and whether it records any. With an
// error it returns those that could be read.
func ReadBounds(d *dir.Dir) (b calendar.Bounds, recorded bool, err error) {
	text, err := d.ReadFile("", dir.BoundsName)
	if errors.Is(err, fs.ErrNotExist) {
		return b, false, nil
	}
	if err != nil {
		return b, false, err
	}
	if b, err = calendar.ParseBounds(text); err != nil {
		err = d.Error("read", "", dir.BoundsName, err)
	}
	return b, true, err
}

// RecordBounds records the bounds of a process that starts. If lines were stored by day
// so far, and their bound in days is replaced by one in entries, that bound stays in
// force for them, as Bounds.Former.
func RecordBounds(d *dir.Dir, b calendar.Bounds, keep calendar.Period) error {
	was, recorded, err := ReadBounds(d)
	if err == nil && b.Entries > 0 && keep == calendar.MaxPeriod {
		b.FormerPeriod = was.FormerPeriod
		if rule, err := Rule(d, OfLines); err == nil && 0 < rule && rule < keep {
			b.FormerPeriod = rule
		}
	}
	text := b.AppendText(nil)
	if len(text) > 0 {
		if err := d.RaiseVersion(); err != nil { // an older hushpipe would keep lines too long
			return err
		}
	}
	switch {
	case !recorded && err == nil && len(text) == 0:
		return nil
	case recorded && err == nil && string(text) == string(was.AppendText(nil)):
		return nil
	}
	return d.ReplaceFile("", dir.BoundsName, text)
}

// limits decides which files of lines, and which days, are past the bounds of a
// directory.
type limits struct {
	calendar.Bounds
	first civil.Day // the first day that the rule keeps
	v     Verdict
}

// limits returns the limits that the bounds of d and its rule set now. The rule applies
// even if there is an error.
func (v Verdict) limits(d *dir.Dir, rule calendar.Period) (limits, error) {
	b, recorded, err := ReadBounds(d)
	if !recorded && err == nil {
		b = v.Bounds
	}
	return limits{b, v.First(rule), v}, err
}

// logPast reports whether a file's lines are past the bounds, except that on entries.
func (j limits) logPast(l dir.Log) bool {
	switch {
	case l.Day < j.first:
		return true
	case j.first == never:
		return false
	}
	return j.FormerPeriod > 0 && l.Segment == 0 && l.Day < j.FormerPeriod.First(j.v.Window.Today) || j.v.Past(j.Bounds, l)
}

// Past reports whether a file's lines are past the bounds in time that apply besides
// the period. An hourly file expires so many hours after its hour begins, a daily file
// so many after its day begins.
func Past(b calendar.Bounds, l dir.Log, now time.Time) bool {
	if b.HasSettled(l.Day, civil.DayOf(now)) {
		return true
	}
	if b.Hours == 0 {
		return false
	}
	begin := calendar.HourBegin(l.Day, max(l.Hour, 0), now.Location())
	return !b.Off.After(begin, b.Hours).After(now)
}

// Past is the function Past at the time of v. While the clock is in doubt, it is false.
func (v Verdict) Past(b calendar.Bounds, l dir.Log) bool {
	return v.Window.DoubtUntil.IsZero() && Past(b, l, v.now)
}

// LastOf returns the file of a day whose lines expire last.
func LastOf(day civil.Day, b calendar.Bounds) dir.Log {
	if b.Hours > 0 {
		return dir.Log{Day: day, Hour: 23}
	}
	return dir.Log{Day: day, Hour: dir.AllDay}
}

// FirstKept returns the first day, at or after from, that has lines within the bounds,
// not counting that on entries. Today always has.
func (v Verdict) FirstKept(b calendar.Bounds, from civil.Day) civil.Day {
	for from < v.Window.Today && v.Past(b, LastOf(from, b)) {
		from++
	}
	return from
}

// dayPast reports whether the last lines of a day are past the bounds in time.
func (j limits) dayPast(day civil.Day) bool { return j.v.Past(j.Bounds, LastOf(day, j.Bounds)) }

// dayOver returns a function that reports whether a day's files in sub may be deleted
// before the rule says so: when a day's last lines expire, its key and its journals
// expire too. With a bound in entries, a journal of a day that has a room file stays,
// and yesterday may still get late lines.
func (j limits) dayOver(d *dir.Dir, sub string) func(civil.Day) bool {
	switch {
	case j.first == never || sub != dir.Keys && sub != dir.Journal || sub == dir.Keys && j.Shared:
		return func(civil.Day) bool { return false }
	case j.Entries == 0 || j.Shared:
		return j.dayPast
	}
	lines, err := d.Names("")
	if err != nil {
		return j.dayPast // deleteIf reports the error
	}
	has := map[civil.Day]bool{}
	for _, l := range dir.Logs(lines) {
		has[l.Day] = true
	}
	if sub == dir.Journal {
		counted, err := d.Names(dir.Rooms)
		if err != nil {
			return j.dayPast
		}
		for _, name := range counted {
			if day, _, ok := dir.DayOf(dir.Rooms, name); ok {
				has[day] = true
			}
		}
	}
	return func(day civil.Day) bool {
		return day < j.v.Window.Today-1 && !has[day] || j.dayPast(day)
	}
}
