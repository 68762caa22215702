// Package report renders the figures of a period, taken from daily room files,
// as text, CSV, JSON, Markdown and as a page.
package report

import (
	"fmt"
	"hushpipe/format/civil"
)

// By is the length of one step of a report.
type By int

const (
	ByDay  By = iota
	ByWeek    // ISO 8601: from Monday
	ByMonth
	ByYear
)

var byNames = [...]string{"day", "week", "month", "year"}

// ParseBy reads day, week, month or year.
func ParseBy(name string) (By, error) {
	for by, known := range byNames {
		if name == known {
			return By(by), nil
		}
	}
	return 0, fmt.Errorf("step %q is not known; hint: give day, week, month or year", name)
}

// String returns day, week, month or year.
func (by By) String() string { return byNames[by] }

// Of numbers the steps: days of one step have one number.
func (by By) Of(day civil.Day) int {
	year, month, _ := day.Date()
	switch by {
	case ByWeek:
		return int(day+3) / 7 // 1970-01-01 was a Thursday
	case ByMonth:
		return year*12 + month
	case ByYear:
		return year
	}
	return int(day)
}

// Report is what is known of a period. A conference is a room on a day, used
// from at least Min addresses; its participants are these addresses.
type Report struct {
	From, To civil.Day // both included
	By       By
	Min      uint64
	Total    Figures
	Steps    []Step // in order and without holes, the first and last cut by From and To
	Days     []Step // the same, day by day
	// Recurring[i] is the number of rooms that held a conference on exactly
	// Recurring[i].Days days; ascending, without zeros.
	Recurring []Recurrence
}

// Step is a part of a period.
type Step struct {
	From, To civil.Day // both included
	Figures
}

// Figures are those of one part of a period, or of all of it.
type Figures struct {
	Known        int // days that have a file, an empty one as well
	Missing      int // days that have none: a gap, never a zero
	Partial      int // of Known: days that one of several sources has no readable file of, though it has earlier and later ones, or whose counts are a lower bound
	Conferences  uint64
	Participants uint64
	Mean, Median float64 // participants of a conference; 0 without one
	Largest      uint64
	Sizes        [len(SizeClasses)]uint64 // conferences by class; with Min 1, those of one participant are in none
}

// Recurrence is how many rooms held a conference on so many days.
type Recurrence struct {
	Days  int
	Rooms uint64
}

// SizeClass is a range of participants, both included; To 0 is open.
type SizeClass struct{ From, To uint64 }

// SizeClasses are the classes of Figures.Sizes.
var SizeClasses = [...]SizeClass{{2, 2}, {3, 5}, {6, 10}, {11, 20}, {21, 50}, {51, 0}}
