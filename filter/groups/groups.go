// Package groups holds lines back until enough people stand behind what is left of them.
// Lines with the same values in some fields form a group. A group opens once the journals of
// all processes on DIR have enough different people of it on that day; until then its lines
// are in DIR/held, and an hour after midnight the lines of groups that did not open are
// deleted.
//
// People are in a journal before a line is released because of them: so every group in a
// day's file has its people in the day's journals.
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

// Config configures the groups of a process.
type Config struct {
	Path   string // DIR
	Least  int    // people needed to open a group; 0: as the day's journals record
	Limits rooms.Limits
	Now    func() time.Time
	Window func() calendar.Window // returns the days that are kept
	Past   func(dir.Log) bool     // reports whether a file's lines are past another bound
	Bound  func(*daylog.Log)      // applies the current bounds to a log
	Report *dir.Reporter

	// Withheld is called with the number of lines that were deleted, or not written, because
	// too few people stand behind them.
	Withheld func(n uint64)
	// Repeated is called for a day whose lines may have been released twice, because a
	// process was killed meanwhile.
	Repeated func(d *dir.Dir, day civil.Day)
}

// Groups has the groups of DIR: what the reader asks for, what the writer does, and what a
// goroutine beside them does.
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

// settings returns the settings that the journals record.
func settings(least int) string { return fmt.Sprintf("least=%d;", least) }

// hour is how long after midnight a day's lines may be released.
const hour = time.Hour

// Deadline returns when the held lines of a day are deleted, in a time zone.
func Deadline(day civil.Day, at *time.Location) time.Time {
	year, month, mday := (day + 1).Date()
	return time.Date(year, time.Month(month), mday, 0, 0, 0, 0, at).Add(hour)
}
