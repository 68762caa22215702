// Package trafficreport renders the traffic figures of a period as text, CSV and JSON.
package trafficreport

import (
	"cmp"
	"slices"

	"hushpipe/format/civil"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// Report is what is known of a period.
type Report struct {
	From, To civil.Day // both included
	By       report.By
	Total    Figures
	Before   Figures // of as many days before; Known 0 for none
	Steps    []Step  // in order and without holes
	Busiest  civil.Day
	Most     uint64 // visitors of the busiest day
	cells    []trafficfile.Cell
}

// Step is a part of a period.
type Step struct {
	From, To civil.Day // both included
	Figures
}

// Figures are those of one part of a period, or of all of it.
type Figures struct {
	Known       int // days that have a file
	Missing     int // days that have none: a gap, never a zero
	Pages       uint64
	Hits        uint64
	Bytes       uint64
	Visits      uint64
	VisitorDays uint64 // the sum of the visitors of each day
	RobotHits   uint64
	RobotBytes  uint64
}

// New returns the report of a period, of cells by their day, which may be those of
// earlier days as well.
func New(from, to civil.Day, by report.By, days map[civil.Day][]trafficfile.Cell) *Report {
	r := &Report{From: from, To: to, By: by}
	var all [][]trafficfile.Cell
	length := to - from + 1
	for day := from; day <= to; day++ {
		cells, known := days[day]
		if n := len(r.Steps); n == 0 || by.Of(day) != by.Of(day-1) {
			r.Steps = append(r.Steps, Step{From: day})
		}
		step := &r.Steps[len(r.Steps)-1]
		step.To = day
		step.add(cells, known)
		r.Total.add(cells, known)
		if visitors := numberOf(cells, "total", "people", 4); visitors > r.Most {
			r.Most, r.Busiest = visitors, day
		}
		all = append(all, cells)
	}
	for day := from - length; day < from; day++ {
		cells, known := days[day]
		r.Before.add(cells, known)
	}
	r.cells = trafficfile.Add(all...)
	return r
}

func (f *Figures) add(cells []trafficfile.Cell, known bool) {
	if !known {
		f.Missing++
		return
	}
	f.Known++
	for _, c := range cells {
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

// table is a kind of cells as people see it.
type table struct {
	kind  string
	title string
	key   string // what a row is
	by    int    // the number to sort by, -1: rows stand in the order of order
	shown []int  // the numbers, in the order of columns
	order []string
}

// tables are all of them.
var tables = []table{
	{kind: "page", title: "Pages", key: "Path", by: 0, shown: []int{0, 2, 3, 1}},
	{kind: "missing", title: "Not found", key: "Path", by: 0, shown: []int{0}},
	{kind: "from", title: "Where people came from", key: "Origin", by: 0, shown: []int{0}},
	{kind: "hour", title: "Hours", key: "Hour", by: -1, shown: []int{3, 0, 1, 2}, order: hours()},
	{kind: "length", title: "Length of visits", key: "Up to", by: -1, shown: []int{0}, order: []string{"one-page", "30s", "2m", "5m", "15m", "30m", "1h", "more"}},
	{kind: "depth", title: "Pages of a visit", key: "Up to", by: -1, shown: []int{0}, order: []string{"1", "2", "3", "5", "10", "20", "more"}},
	{kind: "browser", title: "Browsers", key: "Browser", by: 3, shown: []int{3, 0, 1, 2}},
	{kind: "system", title: "Systems", key: "System", by: 3, shown: []int{3, 0, 1, 2}},
	{kind: "robot", title: "Robots", key: "Class and name", by: 1, shown: []int{1, 0, 3, 2}},
	{kind: "type", title: "File types", key: "Type", by: 1, shown: []int{1, 2}},
	{kind: "status", title: "Status", key: "Status", by: 0, shown: []int{0, 1}},
	{kind: "rstatus", title: "Status of robots", key: "Status", by: 0, shown: []int{0, 1}},
}

func hours() (names []string) {
	for h := range 25 {
		names = append(names, string(appendInt(nil, h)))
	}
	return names
}

func appendInt(dst []byte, n int) []byte {
	if n >= 10 {
		dst = appendInt(dst, n/10)
	}
	return append(dst, byte('0'+n%10))
}

// rows returns the cells of a table, in its order.
func (r *Report) rows(t table) (rows []trafficfile.Cell) {
	for _, c := range r.cells {
		if c.Kind == t.kind {
			rows = append(rows, c)
		}
	}
	slices.SortStableFunc(rows, func(a, b trafficfile.Cell) int {
		if t.by < 0 {
			return slices.Index(t.order, a.Key) - slices.Index(t.order, b.Key)
		}
		return cmp.Compare(b.Numbers[t.by], a.Numbers[t.by])
	})
	return rows
}
