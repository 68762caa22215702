// Package groups implements the lines that wait until enough people stand behind what is
// left of them. Lines that have the same values in some fields are a group. It is open
// once the journals of all processes on DIR have so many different people of it, that
// day; until then its lines lie in DIR/held, and one hour after midnight those of groups
// that are not open are deleted.
//
// A journal tells of people before a line is released on account of them: so every group
// in a day's file has its people in the day's journals.
package groups

import (
	"fmt"
	"time"

	"hushpipe/filter/calendar"
	"hushpipe/filter/daylog"
	"hushpipe/filter/dir"
	"hushpipe/filter/rooms"
	"hushpipe/format/civil"
)

// Config is what is to be known of the process.
type Config struct {
	Path   string // DIR
	Least  int    // people who open a group; 0: as many as the journals of the day say
	Limits rooms.Limits
	Now    func() time.Time
	Window func() calendar.Window // the days that are kept
	Past   func(dir.Log) bool     // lines of a file are past another bound
	Bound  func(*daylog.Log)      // has a log heed the bounds of this moment
	Report *dir.Reporter

	// Withheld is told how many lines were deleted, or not written: too few people stand
	// behind them.
	Withheld func(n uint64)
	// Repeated is told of a day of which lines may have been released twice: a process
	// was killed meanwhile.
	Repeated func(d *dir.Dir, day civil.Day)
}

// Groups are those of DIR, as this process knows them: what the reader asks for, what the
// writer does, and what is done beside them.
type Groups struct {
	*Opened
	*Writer
	*Releaser
}

// New returns the groups of a process.
func New(cfg Config) *Groups {
	o := &Opened{cfg: &cfg, days: map[civil.Day]*dayGroups{}}
	return &Groups{
		Opened:   o,
		Writer:   newWriter(o),
		Releaser: &Releaser{cfg: o.cfg, opened: o, unions: map[civil.Day]*union{}, reported: map[civil.Day]bool{}, moved: map[string]bool{}},
	}
}

// settings are those of the journals.
func settings(least int) string { return fmt.Sprintf("least=%d;", least) }

// hour is how long after midnight a day's lines may be released.
const hour = time.Hour

// Deadline returns when the held lines of a day are deleted, in a place on earth.
func Deadline(day civil.Day, at *time.Location) time.Time {
	year, month, mday := (day + 1).Date()
	return time.Date(year, time.Month(month), mday, 0, 0, 0, 0, at).Add(hour)
}
