package report

import (
	"cmp"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"io"
	"math"
	"slices"
	"time"

	"hushpipe/format/civil"
)

// PageHead is what a page begins with.
const PageHead = "<!doctype html>"

//go:embed page
var pageFiles embed.FS

var pageTemplate = template.Must(template.ParseFS(pageFiles, "page/page.html"))

// Style is the style sheet of a page, for other pages in its looks.
var Style = pageFile("page.css")

// The parts of the page that are the same in each report.
var (
	pageStyle  = template.CSS(pageFile("uPlot.min.css") + Style)
	pageScript = template.JS(pageFile("page.js"))
	// uPlot's licence asks to stand in all copies.
	pagePlot = template.JS("/*\n" + pageFile("uPlot.LICENSE") + "\n*/\n" + pageFile("uPlot.iife.min.js"))
	// pagePolicy allows these and nothing else: no request, no inline style.
	pagePolicy = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " +
		HashSource(string(pageStyle)) + "; script-src " + HashSource(string(pagePlot)) + " " + HashSource(string(pageScript))
)

func pageFile(name string) string {
	text, err := pageFiles.ReadFile("page/" + name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// HashSource names an inline element by its content, as in section 2.3.1 of
// https://www.w3.org/TR/CSP3/.
func HashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Page is what a page says beside the figures.
type Page struct {
	Title   string    // "" for what it is in the language
	Privacy string    // a URL of the operator's privacy statement, "" for none
	Made    civil.Day // on this day
	// Months are the first days of those that have a page of their own beside this
	// one, by MonthPage, where IndexPage is that of all of them: this one, if Index.
	// Both are zero for a page that stands alone.
	Months []civil.Day
	Index  bool
}

// IndexPage is the name of the page that stands for a directory of pages.
const IndexPage = "index.html"

// MonthPage returns the name of the page of a month, by its first day.
func MonthPage(first civil.Day) string { return first.String()[:len("2026-11")] + ".html" }

// HTML writes a page that needs no other file and no network: figures, charts,
// tables and what they mean.
func HTML(w io.Writer, r *Report, l *Language, about Page) error {
	about.Title = cmp.Or(about.Title, l.Text("Conference statistics"))
	p := &page{Page: about, Report: r, Language: l, CSS: pageStyle, Plot: pagePlot, Script: pageScript, Policy: pagePolicy}
	return pageTemplate.Execute(w, p)
}

// page is what the template sees.
type page struct {
	Page
	*Report
	*Language
	CSS          template.CSS
	Plot, Script template.JS
	Policy       string
}

// bar is a line of a table with a bar.
type bar struct {
	Label  string
	N      uint64
	Length float64 // 0…100, of the longest
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

// Recurrences returns the rooms of the period by the days that they were used on.
func (p *page) Recurrences() []bar {
	return bars(classLabels(recurrenceClasses), recurring(p.Report), p.RoomsUsed().All)
}

// RoomsUsed returns how many rooms there were, and those of several days.
func (p *page) RoomsUsed() (rooms struct{ All, Again uint64 }) {
	for _, r := range p.Recurring {
		rooms.All += r.Rooms
		if r.Days > 1 {
			rooms.Again += r.Rooms
		}
	}
	return rooms
}

// pagesOfYear is a row of links, with nothing for a month that has no page.
type pagesOfYear struct {
	Year   int
	Months [12]monthLink
}

type monthLink struct {
	Month time.Month
	URL   string
	Here  bool
}

// Pages returns the other pages, the newest year first.
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
	Days    int // with a file
	Missing int // without
	Mean    float64
	Level   int // 0…6: of the largest mean, in steps of the same size
}

const mapLevels = 6

// weekdays in the order of ISO 8601, which all three languages' calendars have.
var weekdays = [7]time.Weekday{time.Monday, time.Tuesday, time.Wednesday, time.Thursday, time.Friday, time.Saturday, time.Sunday}

// Weekdays returns the columns of the heat map.
func (p *page) Weekdays() [7]time.Weekday { return weekdays }

// Map returns the mean conferences of a day by month and day of the week. A
// month that comes again, in a longer period, is one row.
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
			for k, d := range weekdays {
				row.Cells[k].Weekday = d
			}
			rows = append(rows, row)
		}
		// 1970-01-01 was a Thursday.
		c := &rows[i].Cells[((int(s.From)+3)%7+7)%7]
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

// ShortWeekday returns the first letters of a day's name.
func (p *page) ShortWeekday(d time.Weekday) string {
	return string([]rune(p.Weekday(d))[:p.short])
}

// StepHead returns the head of the column of steps.
func (p *page) StepHead() string { return stepHead(p.By, p.Language) }

// Span returns the period in words.
func (p *page) Span() string { return p.Period(p.From, p.To) }

// StepName is Language.Step by the report's steps.
func (p *page) StepName(s Step) string { return p.Step(s, p.By) }

// Sum returns a number of the whole period, which is not known without a day.
func (p *page) Sum(n uint64) string {
	return ofKnown(p.Total, p.Number(n))
}

// MeanSize, MedianSize and LargestSize are 0 without a conference, as in the other
// forms of a report, and a dash where nothing is known.
func (p *page) MeanSize(f Figures) string { return ofKnown(f, p.Decimal(f.Mean)) }

// MedianSize is as MeanSize.
func (p *page) MedianSize(f Figures) string { return ofKnown(f, p.Decimal(f.Median)) }

// LargestSize is as MeanSize.
func (p *page) LargestSize(f Figures) string { return ofKnown(f, p.Number(f.Largest)) }

func ofKnown(f Figures, text string) string {
	if f.Known == 0 {
		return dash
	}
	return text
}

// Int returns a count as the unsigned number that Number takes.
func (p *page) Int(n int) uint64 { return uint64(n) }

// Peak says in words what the chart over time shows.
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

// pageData is what page.js draws.
type pageData struct {
	Lang    string     `json:"lang"`
	By      By         `json:"by"`
	Months  []string   `json:"months"`
	Steps   []stepData `json:"steps"`
	Gaps    [][2]int   `json:"gaps"` // first day, and the one after the last, since 1970
	Classes []string   `json:"classes"`
	Words   wordData   `json:"words"`
}

type stepData struct {
	From         int      `json:"from"`
	To           int      `json:"to"` // the day after
	Label        string   `json:"label"`
	Missing      int      `json:"missing"`
	Partial      int      `json:"partial"`
	Conferences  *uint64  `json:"conferences"` // null: no data
	Participants *uint64  `json:"participants"`
	Sizes        []uint64 `json:"sizes"`
}

type wordData struct {
	Conferences  string `json:"conferences"`
	Participants string `json:"participants"`
	NoData       string `json:"noData"`
	Missing      string `json:"missing"`
	Partial      string `json:"partial"`
}

// Data returns what the charts are drawn from.
func (p *page) Data() pageData {
	d := pageData{
		Lang: p.Tag(), By: p.By, Months: p.months[:], Classes: classLabels(SizeClasses[:]),
		Words: wordData{p.Text("Conferences"), p.Text("Participants"), p.Text("no data"), p.Text("Days without data"), p.Text("Days with incomplete data")},
	}
	for _, s := range p.Steps {
		step := stepData{From: int(s.From), To: int(s.To) + 1, Label: p.StepName(s), Missing: s.Missing, Partial: s.Partial}
		if s.Known > 0 {
			step.Conferences, step.Participants, step.Sizes = &s.Conferences, &s.Participants, s.Sizes[:]
		}
		d.Steps = append(d.Steps, step)
	}
	for _, s := range p.Days {
		if s.Known > 0 {
			continue
		}
		from, to := int(s.From), int(s.To)+1
		if n := len(d.Gaps); n > 0 && d.Gaps[n-1][1] == from {
			d.Gaps[n-1][1] = to
		} else {
			d.Gaps = append(d.Gaps, [2]int{from, to})
		}
	}
	return d
}
