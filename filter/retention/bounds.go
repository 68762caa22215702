package retention

import (
	"errors"
	"io/fs"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/dir"
	"hushpipe/format/civil"
)

// Beside the rule of its lines, a period, a directory records the other bounds that hold
// for them, DIR/bounds. A start writes it, where its bounds are others: those of the newest
// policy hold, for what is there and for processes that live. So a bound that is gone is
// written down as well, by an empty file.

// ReadBounds returns the bounds that DIR records, and whether there are any records.
// Beside an error, the bounds are those that could be read.
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

// RecordBounds records the bounds of a process that starts. Where there were days without
// a bound in entries, and a bound in days has gone, it stays for their lines.
func RecordBounds(d *dir.Dir, b calendar.Bounds, keep calendar.Period) error {
	was, recorded, err := ReadBounds(d)
	if err == nil && b.Entries > 0 && keep == calendar.MaxPeriod {
		b.Former = was.Former
		if rule, err := Rule(d, OfLines); err == nil && 0 < rule && rule < keep {
			b.Former = rule
		}
	}
	text := b.AppendText(nil)
	if len(text) > 0 {
		if err := d.RaiseVersion(); err != nil { // an earlier hushpipe would keep lines too long
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

// limits tells which files of lines, and which days, are past the bounds of a directory.
type limits struct {
	calendar.Bounds
	first civil.Day // by the rule
	v     Verdict
}

// limits returns what the bounds of d and its rule say now. An error does not keep the rule
// from holding.
func (v Verdict) limits(d *dir.Dir, rule calendar.Period) (limits, error) {
	b, recorded, err := ReadBounds(d)
	if !recorded && err == nil {
		b = v.Bounds
	}
	return limits{b, v.First(rule), v}, err
}

// logPast reports whether lines are past the bounds, but for one on their number.
func (j limits) logPast(l dir.Log) bool {
	switch {
	case l.Day < j.first:
		return true
	case j.first == never:
		return false
	}
	return j.Former > 0 && l.Segment == 0 && l.Day < j.Former.First(j.v.Window.Today) || j.v.Past(j.Bounds, l)
}

// Past reports whether lines are past the bounds that say when, in addition to a period. The
// lines of an hour go so many hours after its beginning, those of a day after the day's.
func Past(b calendar.Bounds, l dir.Log, now time.Time) bool {
	if b.Settles(l.Day, civil.DayOf(now)) {
		return true
	}
	if b.Hours == 0 {
		return false
	}
	begin := calendar.HourBegin(l.Day, max(l.Hour, 0), now.Location())
	return !b.Off.After(begin, b.Hours).After(now)
}

// Past is the function Past for the time of a Verdict. While the clock is in doubt no
// lines are.
func (v Verdict) Past(b calendar.Bounds, l dir.Log) bool {
	return v.Window.DoubtUntil.IsZero() && Past(b, l, v.now)
}

// LastOf stands for the lines of a day that go last.
func LastOf(day civil.Day, b calendar.Bounds) dir.Log {
	if b.Hours > 0 {
		return dir.Log{Day: day, Hour: 23}
	}
	return dir.Log{Day: day, Hour: dir.AllDay}
}

// FirstKept is the first day, from one on, whose lines the bounds keep, but for one on their
// number. Today is always kept.
func (v Verdict) FirstKept(b calendar.Bounds, from civil.Day) civil.Day {
	for from < v.Window.Today && v.Past(b, LastOf(from, b)) {
		from++
	}
	return from
}

// dayPast reports whether the last lines of a day are past the bounds that say when.
func (j limits) dayPast(day civil.Day) bool { return j.v.Past(j.Bounds, LastOf(day, j.Bounds)) }

// dayOver tells of which days the files of sub serve nothing any more, before the rule says
// so: a day is over when its last lines have gone, and so do its key and its journals. Where
// lines are bounded in number, a journal in which something was counted stays, and late lines
// may come for yesterday.
func (j limits) dayOver(d *dir.Dir, sub string) func(civil.Day) bool {
	switch {
	case j.first == never || sub != dir.Keys && sub != dir.Journal || sub == dir.Keys && j.Shared:
		return func(civil.Day) bool { return false }
	case j.Entries == 0 || j.Shared:
		return j.dayPast
	}
	lines, err := d.Names("")
	if err != nil {
		return j.dayPast // it is reported where they are deleted
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
