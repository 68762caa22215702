// Package calendar tells by arithmetic which days are kept, and to which day a
// line goes. It reads no clock and no disk: filter imports it, and so do the
// packages that take lines to a disk.
package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hushpipe/format/civil"
)

// Period is how long lines and keys are kept: whole days, ≥ 1, today being the
// first. 0 stands for a period that is not known.
type Period int

// MaxPeriod is the longest one, far past any promise, and far from where days overflow.
const MaxPeriod = 36500

// DefaultPeriod is the one where none is given or recorded.
const DefaultPeriod Period = 14

// ParsePeriod reads a period written as 14d or 14.
func ParsePeriod(s string) (Period, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 32)
	if err != nil || n < 1 || n > MaxPeriod {
		return 0, fmt.Errorf("keep %q is not valid; hint: give whole days from 1d to %dd, as in 14d", s, MaxPeriod)
	}
	return Period(n), nil
}

// String returns the period as in 14d.
func (p Period) String() string { return strconv.Itoa(int(p)) + "d" }

// First is the oldest day that is kept when it is today.
func (p Period) First(today civil.Day) civil.Day { return today - civil.Day(p) + 1 }

// UntilNextCheck is the time to the next look at what has expired: a minute, or less to
// the next hour, and to midnight. The wall clock counts, which goes on while a machine is suspended.
func UntilNextCheck(now time.Time) time.Duration {
	year, month, day := now.Date()
	midnight := time.Date(year, month, day+1, 0, 0, 0, 0, now.Location())
	hour := time.Duration(now.Minute())*time.Minute + time.Duration(now.Second())*time.Second + time.Duration(now.Nanosecond())
	return max(min(time.Minute, midnight.Sub(now), time.Hour-hour), time.Millisecond)
}

// Window is the span of days that are open: those from First to Today, and
// tomorrow, for zones that are ahead.
type Window struct {
	First, Today civil.Day
	// DoubtUntil is when a clock in doubt will be believed if it goes on
	// steadily; zero where there is no doubt. Until then nothing expires: First
	// follows the last time that was trusted.
	DoubtUntil time.Time
}

// Placement says how a line came to the day that it is written to.
type Placement uint8

const (
	// Open is a line that goes to the file of its own day.
	Open Placement = iota
	// Adjusted is a line without a readable time, or dated after tomorrow: it
	// goes to today.
	Adjusted
	// Expired is a line past the retention: it is counted in memory, and not
	// written.
	Expired
)

// Place returns the day that a line goes to. date is the one in its time stamp,
// dated tells whether there is one.
func (w Window) Place(date civil.Day, dated bool) (civil.Day, Placement) {
	switch {
	case !dated || date > w.Today+1:
		return w.Today, Adjusted
	case date < w.First:
		return date, Expired
	}
	return date, Open
}

// At returns the window at the date today, which follows the clock across
// midnight. A larger step waits until the clock has been judged, which tells a
// leap from the passing of time.
func (w Window) At(today civil.Day) Window {
	if today == w.Today+1 && w.DoubtUntil.IsZero() {
		w.First++
	}
	w.Today = today
	return w
}

// ExpectsLines reports whether lines of a day are expected: late ones, and those of
// zones that are ahead.
func (w Window) ExpectsLines(day civil.Day) bool { return w.Today-1 <= day && day <= w.Today+1 }

// ErrExpired is returned for a day that is past the retention: what was deleted is
// not made again.
var ErrExpired = errors.New("the day is past the retention")
