// Package report renders the conference figures of a period, taken from daily room files, as
// text, CSV, JSON, Markdown and an HTML page. Package trafficreport shares its languages, steps
// and tables.
package report

import (
	"fmt"
	"hushpipe/format/civil"
)

// By is the length of a step.
type By int

const (
	ByDay  By = iota
	ByWeek    // from Monday, ISO 8601
	ByMonth
	ByYear
)

var byNames = [...]string{"day", "week", "month", "year"}

// ParseBy parses day, week, month or year.
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

// Of returns the number of the step that a day belongs to; consecutive days of one step share
// it.
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

// Report is the conference figures of a period. A conference is a room on one day, used from at
// least Min addresses; its participants are these addresses.
type Report struct {
	From, To civil.Day // inclusive
	By       By
	Min      uint64
	Total    Figures
	Steps    []Step // in order, without gaps; From and To may cut the first and the last
	Days     []Step // the same, day by day
	// Recurring is sorted by Days, without zeros.
	Recurring []Recurrence
}

// Step is a part of a period.
type Step struct {
	From, To civil.Day // inclusive
	Figures
}

// Figures are those of a step or of the whole period.
type Figures struct {
	Known        int // days with a file, which may be empty
	Missing      int // days without a file: a gap, never a zero
	Partial      int // of Known: days for which a source with earlier and later files has no readable one, or whose counts are a lower bound
	Conferences  uint64
	Participants uint64
	Mean, Median float64 // participants of a conference; 0 if there was none
	Largest      uint64
	Sizes        [len(SizeClasses)]uint64 // conferences by class; with Min 1, no class has those of a single participant
}

// Recurrence is the number of rooms that held a conference on exactly Days days.
type Recurrence struct {
	Days  int
	Rooms uint64
}

// SizeClass is a range of participants, inclusive; To is 0 if it is open.
type SizeClass struct{ From, To uint64 }

// SizeClasses are the classes of Figures.Sizes.
var SizeClasses = [...]SizeClass{{2, 2}, {3, 5}, {6, 10}, {11, 20}, {21, 50}, {51, 0}}
