package rotate

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"hushpipe/format"
)

// Retention is how long lines are kept: whole days, ≥ 1, today being the first.
type Retention int

// maxRetention is far past any promise, and far from where days overflow.
const maxRetention = 36500

// ParseKeep reads a retention written as 14d or 14.
func ParseKeep(s string) (Retention, error) {
	n, err := strconv.ParseUint(strings.TrimSuffix(s, "d"), 10, 32)
	if err != nil || n < 1 || n > maxRetention {
		return 0, fmt.Errorf("keep %q: give whole days from 1d to %dd, as in 14d", s, maxRetention)
	}
	return Retention(n), nil
}

// String returns the retention as in 14d.
func (r Retention) String() string { return strconv.Itoa(int(r)) + "d" }

// first is the oldest day that is kept when it is today.
func (r Retention) first(today format.Day) format.Day { return today - format.Day(r) + 1 }

// Window is the span of days that are open: those from First to Today, and
// tomorrow, for zones that are ahead.
type Window struct {
	First, Today format.Day
	// DoubtUntil is when a clock in doubt will be believed if it goes on
	// steadily; zero where there is no doubt. Until then nothing expires: First
	// follows the last time that was trusted.
	DoubtUntil time.Time
}

// Placement says how a line came to the day that it is written to.
type Placement uint8

const (
	// DayOpen is a line that goes to its own day.
	DayOpen Placement = iota
	// DayExpired is a line that is too old to be written.
	DayExpired
	// DayAdjusted is a line without a readable time, or dated after tomorrow: it
	// goes to today.
	DayAdjusted
)

// Place returns the day that a line goes to. day is the one in its time stamp,
// has tells whether there is one.
func (w Window) Place(day format.Day, has bool) (format.Day, Placement) {
	switch {
	case !has || day > w.Today+1:
		return w.Today, DayAdjusted
	case day < w.First:
		return day, DayExpired
	}
	return day, DayOpen
}
