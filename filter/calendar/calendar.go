// Package calendar computes which days are kept, and which day's file a line belongs to. It
// is pure arithmetic: it reads no clock and no disk. Package filter and the packages that
// write lines import it.
package calendar

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"hushpipe/format/civil"
)

// Period is how long lines and keys are kept, in whole days, ≥ 1, including today. 0 means
// unknown.
type Period int

// MaxPeriod is the longest period: longer than any promise, and far from an overflow of
// days.
const MaxPeriod = 36500

// DefaultPeriod applies if no period is given or recorded.
const DefaultPeriod Period = 14

// ParsePeriod parses a period such as 14d or 14.
func ParsePeriod(s string) (Period, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 32)
	if err != nil || n < 1 || n > MaxPeriod {
		return 0, fmt.Errorf("keep %q is not valid; hint: give whole days from 1d to %dd, as in 14d", s, MaxPeriod)
	}
	return Period(n), nil
}

// String returns the period in the form 14d.
func (p Period) String() string { return strconv.Itoa(int(p)) + "d" }

// First returns the oldest day that is kept on the given date.
func (p Period) First(today civil.Day) civil.Day { return today - civil.Day(p) + 1 }

// UntilNextCheck returns the time until the next check for expired files: a minute, or less
// to the next hour or midnight. It uses the wall clock, which runs on while a machine is
// suspended.
func UntilNextCheck(now time.Time) time.Duration {
	year, month, day := now.Date()
	midnight := time.Date(year, month, day+1, 0, 0, 0, 0, now.Location())
	hour := time.Duration(now.Minute())*time.Minute + time.Duration(now.Second())*time.Second + time.Duration(now.Nanosecond())
	return max(min(time.Minute, midnight.Sub(now), time.Hour-hour), time.Millisecond)
}

// Window is the range of open days: from First to Today, and tomorrow, for time zones that
// are ahead.
type Window struct {
	First, Today civil.Day
	// DoubtUntil is when a doubted clock will be believed if it runs steadily; zero: no
	// doubt. Until then nothing expires: First follows the last time that was trusted.
	DoubtUntil time.Time
}

// Placement is how the day of a line was chosen.
type Placement uint8

const (
	// Open: the line goes to the file of its own day.
	Open Placement = iota
	// Adjusted: the line has no readable time, or is dated after tomorrow. It goes to today.
	Adjusted
	// Expired: the line is past the retention. It is counted in memory, and not written.
	Expired
)

// Place returns the day whose file a line goes to. date is the date of its time stamp, if
// dated is set.
func (w Window) Place(date civil.Day, dated bool) (civil.Day, Placement) {
	switch {
	case !dated || date > w.Today+1:
		return w.Today, Adjusted
	case date < w.First:
		return date, Expired
	}
	return date, Open
}

// At returns the window for the date today, so that it follows the clock across midnight. A
// larger step has no effect on First until the clock has been judged, which tells a leap
// from the passing of time.
func (w Window) At(today civil.Day) Window {
	if today == w.Today+1 && w.DoubtUntil.IsZero() {
		w.First++
	}
	w.Today = today
	return w
}

// ExpectsLines reports whether lines of a day are still to be expected: late ones, and those
// of time zones that are ahead.
func (w Window) ExpectsLines(day civil.Day) bool { return w.Today-1 <= day && day <= w.Today+1 }

// ErrExpired is returned for a day past the retention: its files are not created again.
var ErrExpired = errors.New("the day is past the retention")
