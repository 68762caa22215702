package report

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"math"
	"slices"
	"time"

	"hushpipe/format/civil"
	design "hushpipe/format/page"
)

//go:embed page
var pageFiles embed.FS

var pageTemplate = design.Template(pageFiles)

// Page is what a page has apart from the figures.
type Page struct {
	Title   string    // "" for the default in the language
	Privacy string    // URL of the operator's privacy statement, "" for none
	Made    civil.Day // the day it is made on
	// Months are the first days of the months that have pages of their own next to this one,
	// named by MonthPage; IndexPage is the one of all months, which is this page if Index. Both
	// are zero for a lone page.
	Months []civil.Day
	Index  bool
}

// IndexPage is the name of the first page of a directory.
const IndexPage = "index.html"

// MonthPage returns the name of the page of a month, given its first day.
func MonthPage(first civil.Day) string { return first.String()[:len("2026-11")] + ".html" }

// HTML writes a page that needs no other file and no network: figures, charts, tables and what
// they mean.
func HTML(w io.Writer, r *Report, l *Language, about Page) error {
	about.Title = cmp.Or(about.Title, l.Text("Conference statistics"))
	p := &page{Page: about, Report: r, Language: l, Parts: design.WithCharts("")}
	return pageTemplate().Execute(w, p)
}

// page is what the template sees.
type page struct {
	Page
	*Report
	*Language
	design.Parts
}

// bar is a row of a table with a bar.
type bar struct {
	Label  string
	N      uint64
	Length float64 // 0…100, relative to the longest
	Share  float64 // 0…1, of all
}

func bars(labels []string, counts []uint64, all uint64) []bar {
	largest := slices.Max(counts)
	list := make([]bar, len(counts))
	for i, n := range counts {
		list[i] = bar{labels[i], n, 0, 0}
		if n > 0 {
			list[i].Length = math.Round(1000*float64(n)/float64(largest)) / 10
			list[i].Share = float64(n) / float64(all)
		}
	}
	return list
}

// Sizes returns the conferences of the period by size class.
func (p *page) Sizes() []bar {
	return bars(classLabels(SizeClasses[:]), p.Total.Sizes[:], p.Total.Conferences)
}

// Recurrences returns the rooms of the period by the number of days they were used on.
func (p *page) Recurrences() []bar {
	return bars(classLabels(recurrenceClasses), recurring(p.Report), p.RoomsUsed().All)
}

// RoomsUsed returns the number of rooms, and of those used on several days.
func (p *page) RoomsUsed() (rooms struct{ All, Again uint64 }) {
	for _, r := range p.Recurring {
		rooms.All += r.Rooms
		if r.Days > 1 {
			rooms.Again += r.Rooms
		}
	}
	return rooms
}

// pagesOfYear is a row of links; a month without a page has none.
type pagesOfYear struct {
	Year   int
	Months [12]monthLink
}

type monthLink struct {
	Month time.Month
	URL   string
	Here  bool
}

// Pages returns the links to the pages of months, the newest year first.
func (p *page) Pages() (years []pagesOfYear) {
	for _, first := range slices.Backward(p.Page.Months) {
		y, m, _ := first.Date()
		if len(years) == 0 || years[len(years)-1].Year != y {
			years = append(years, pagesOfYear{Year: y})
		}
		years[len(years)-1].Months[m-1] = monthLink{time.Month(m), MonthPage(first), !p.Index && p.From == first}
	}
	return years
}

// ShortMonth returns the first letters of a month's name.
func (p *page) ShortMonth(m time.Month) string { return string([]rune(p.Month(m))[:3]) }

// mapRow is a month of the year in the heat map.
type mapRow struct {
	Month time.Month
	Cells [7]mapCell
}

// mapCell is a day of the week in such a month.
type mapCell struct {
	Weekday time.Weekday
	Days    int // number of days with a file
	Missing int // number of days without
	Mean    float64
	Level   int // 0…6, in equal steps of the largest mean
}

const mapLevels = 6

// Weekdays returns the columns of the heat map.
func (p *page) Weekdays() [7]time.Weekday { return Weekdays }

// Map returns the mean number of conferences a day by month and day of the week. In a period of
// several years, a month is one row.
func (p *page) Map() []mapRow {
	var rows []mapRow
	index := map[time.Month]int{}
	largest := 0.0
	for _, s := range p.Days {
		_, m, _ := s.From.Date()
		i, ok := index[time.Month(m)]
		if !ok {
			i = len(rows)
			index[time.Month(m)] = i
			row := mapRow{Month: time.Month(m)}
			for k, d := range Weekdays {
				row.Cells[k].Weekday = d
			}
			rows = append(rows, row)
		}
		c := &rows[i].Cells[WeekdayOf(s.From)]
		if s.Known > 0 {
			c.Days++
			c.Mean += float64(s.Conferences)
		} else {
			c.Missing++
		}
	}
	for i := range rows {
		for k := range rows[i].Cells {
			if c := &rows[i].Cells[k]; c.Days > 0 {
				c.Mean /= float64(c.Days)
				largest = max(largest, c.Mean)
			}
		}
	}
	for i := range rows {
		for k := range rows[i].Cells {
			if c := &rows[i].Cells[k]; c.Mean > 0 {
				c.Level = int(math.Ceil(mapLevels * c.Mean / largest))
			}
		}
	}
	return rows
}

// StepHead returns the head of the column of steps.
func (p *page) StepHead() string { return stepHead(p.By, p.Language) }

// Span returns the period in words.
func (p *page) Span() string { return p.Period(p.From, p.To) }

// StepName names a step of the report.
func (p *page) StepName(s Step) string { return p.Step(s, p.By) }

// Sum formats a number of the whole period, which is unknown without a known day.
func (p *page) Sum(n uint64) string {
	return ofKnown(p.Total, p.Number(n))
}

// MeanSize is 0 without a conference, as in the other forms of a report, and a dash if nothing
// is known.
func (p *page) MeanSize(f Figures) string { return ofKnown(f, p.Decimal(f.Mean)) }

// MedianSize is 0 or a dash as MeanSize is.
func (p *page) MedianSize(f Figures) string { return ofKnown(f, p.Decimal(f.Median)) }

// LargestSize is 0 or a dash as MeanSize is.
func (p *page) LargestSize(f Figures) string { return ofKnown(f, p.Number(f.Largest)) }

func ofKnown(f Figures, text string) string {
	if f.Known == 0 {
		return dash
	}
	return text
}

// Int converts a count for Number.
func (p *page) Int(n int) uint64 { return uint64(n) }

// Peak describes what the chart over time shows.
func (p *page) Peak() string {
	if p.Total.Known == 0 {
		return p.Text("Nothing is known of this period.")
	}
	best := -1
	for i, s := range p.Steps {
		if s.Conferences > 0 && (best < 0 || s.Conferences > p.Steps[best].Conferences) {
			best = i
		}
	}
	if best < 0 {
		return p.Text("There was no conference.")
	}
	s := p.Steps[best]
	return p.Text("Most conferences: %d with %d participants (%s).", s.Conferences, s.Participants, p.StepName(s))
}

// Data returns the data of the charts.
func (p *page) Data() design.Charts {
	d := design.Charts{Lang: p.Tag(), By: int(p.By), Months: p.Language.Months(),
		Words: design.Words{NoData: p.Text("no data"), Missing: p.Text("Days without data"), Partial: p.Text("Days with incomplete data")}}
	conferences := design.Series{Label: p.Text("Conferences"), Color: "c0"}
	participants := design.Series{Label: p.Text("Participants"), Color: "c1"}
	sizes := make([]design.Series, len(SizeClasses))
	for i, label := range classLabels(SizeClasses[:]) {
		sizes[i] = design.Series{Label: label, Color: fmt.Sprint("s", i)}
	}
	for _, s := range p.Steps {
		known := func(n uint64) *uint64 {
			if s.Known == 0 {
				return nil
			}
			return &n
		}
		d.Steps = append(d.Steps, design.Step{From: int(s.From), To: int(s.To) + 1, Label: p.StepName(s), Known: s.Known > 0, Missing: s.Missing, Partial: s.Partial})
		conferences.Values = append(conferences.Values, known(s.Conferences))
		participants.Values = append(participants.Values, known(s.Participants))
		for i, n := range s.Sizes {
			sizes[i].Values = append(sizes[i].Values, known(n))
		}
	}
	d.Charts = []design.Chart{{ID: "chart-conferences", Series: []design.Series{conferences}},
		{ID: "chart-participants", Series: []design.Series{participants}}, {ID: "chart-sizes", Series: sizes}}
	for _, s := range p.Days {
		if s.Known == 0 {
			d.AddGap(int(s.From))
		}
	}
	return d
}
