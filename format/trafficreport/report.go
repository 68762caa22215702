// Package trafficreport renders the traffic figures of a period as text, CSV, JSON and as a page.
package trafficreport

import (
	"slices"
	"strconv"
	"strings"

	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// Day is the traffic figures of a day.
type Day struct {
	Cells   []trafficfile.Cell
	Options []string // options that it was counted with; several if its files differ
	Partial bool     // one of several servers has no file, or a part of a host is missing
	// Missing are the hosts without any share in figures that several hosts made together.
	Missing    []string
	UpperBound bool // visits and visitors are an upper bound, since hosts counted under several keys
}

// Report is the traffic figures of a period.
type Report struct {
	From, To   civil.Day // inclusive
	By         report.By
	Total      Figures
	Before     Figures // of as many days before; Known is 0 if there are none
	Steps      []Step  // in order, without gaps
	Months     []Step  // if the period has several months and steps are shorter; else nil
	Gaps       []civil.Day
	Busiest    civil.Day
	Most       uint64 // visitors of the busiest day
	Counted    []Counting
	Hosts      []Absence
	Hours      [7][24]uint64 // visits by the hour they began in, by day of the week as in report.Weekdays
	Weekdays   [7]int        // number of days with a file
	beforeFrom civil.Day
	cells      []trafficfile.Cell
}

// Step is a part of a period.
type Step struct {
	From, To civil.Day // both included
	Figures
}

// Counting records which days were counted with which options.
type Counting struct {
	From, To civil.Day // the first and the last with a file
	Options  string
}

// Absence lists the days on which a host is missing.
type Absence struct {
	Host string
	Days []civil.Day
}

// Figures are those of a step or of the whole period.
type Figures struct {
	Known       int // days with a file
	Missing     int // days without a file: a gap, never a zero
	Partial     int // of Known: days for which one of several servers has no file, or that lack a part of a host
	UpperBound  int // of Known: days whose visits and visitors are an upper bound
	Pages       uint64
	Hits        uint64
	Bytes       uint64
	Visits      uint64
	VisitorDays uint64 // the sum of the visitors of each day
	RobotHits   uint64
	RobotBytes  uint64
}

// New returns the report of a period. days may include others, of which it uses as many as the
// period has, right before it.
func New(from, to civil.Day, by report.By, days map[civil.Day]Day) *Report {
	length := to - from + 1
	r := &Report{From: from, To: to, By: by, beforeFrom: from - length}
	var all [][]trafficfile.Cell
	for at := from; at <= to; at++ {
		day, known := days[at]
		r.Steps = addStep(r.Steps, by, at, day, known)
		if by < report.ByMonth {
			r.Months = addStep(r.Months, report.ByMonth, at, day, known)
		}
		r.Total.add(day, known)
		if !known {
			r.Gaps = append(r.Gaps, at)
			continue
		}
		if visitors := numberOf(day.Cells, "total", "people", 4); visitors > r.Most {
			r.Most, r.Busiest = visitors, at
		}
		r.addHours(at, day.Cells)
		r.addOptions(at, day.Options)
		r.addMissing(at, day.Missing)
		all = append(all, day.Cells)
	}
	if len(r.Months) < 2 {
		r.Months = nil
	}
	for at := r.beforeFrom; at < from; at++ {
		day, known := days[at]
		r.Before.add(day, known)
	}
	r.cells = trafficfile.Add(all...)
	return r
}

func addStep(steps []Step, by report.By, at civil.Day, day Day, known bool) []Step {
	if n := len(steps); n == 0 || by.Of(at) != by.Of(at-1) {
		steps = append(steps, Step{From: at})
	}
	step := &steps[len(steps)-1]
	step.To = at
	step.add(day, known)
	return steps
}

func (r *Report) addHours(at civil.Day, cells []trafficfile.Cell) {
	weekday := report.WeekdayOf(at)
	r.Weekdays[weekday]++
	for _, c := range cells {
		if c.Kind != "hour" {
			continue
		}
		if hour, err := strconv.ParseUint(c.Key, 10, 8); err == nil && hour < 24 {
			r.Hours[weekday][hour] += c.Numbers[3]
		}
	}
}

func (r *Report) addOptions(at civil.Day, options []string) {
	for _, o := range options {
		if n := len(r.Counted); n > 0 && r.Counted[n-1].Options == o {
			r.Counted[n-1].To = at
			continue
		}
		if n := len(r.Counted); len(options) > 1 && n > 1 && r.Counted[n-2].Options == o { // two servers alternate day by day
			r.Counted[n-2].To = at
			continue
		}
		r.Counted = append(r.Counted, Counting{at, at, o})
	}
}

func (r *Report) addMissing(at civil.Day, hosts []string) {
	for _, host := range hosts {
		i, found := slices.BinarySearchFunc(r.Hosts, host, func(a Absence, host string) int { return strings.Compare(a.Host, host) })
		if !found {
			r.Hosts = slices.Insert(r.Hosts, i, Absence{Host: host})
		}
		r.Hosts[i].Days = append(r.Hosts[i].Days, at)
	}
}

// Comparable reports whether a change against the period before is meaningful: neither has a
// gap.
func (r *Report) Comparable() bool {
	return r.Before.Known > 0 && r.Before.Missing == 0 && r.Total.Missing == 0
}

func (f *Figures) add(day Day, known bool) {
	if !known {
		f.Missing++
		return
	}
	f.Known++
	if day.Partial {
		f.Partial++
	}
	if day.UpperBound {
		f.UpperBound++
	}
	for _, c := range day.Cells {
		if c.Kind != "total" {
			continue
		}
		switch c.Key {
		case "people":
			f.Pages += c.Numbers[0]
			f.Hits += c.Numbers[1]
			f.Bytes += c.Numbers[2]
			f.Visits += c.Numbers[3]
			f.VisitorDays += c.Numbers[4]
		case "robots":
			f.RobotHits += c.Numbers[1]
			f.RobotBytes += c.Numbers[2]
		}
	}
}

func numberOf(cells []trafficfile.Cell, kind, key string, n int) uint64 {
	for _, c := range cells {
		if c.Kind == kind && c.Key == key {
			return c.Numbers[n]
		}
	}
	return 0
}
