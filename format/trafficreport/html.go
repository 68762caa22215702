package trafficreport

import (
	"cmp"
	"embed"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
	"time"

	"hushpipe/format/civil"
	design "hushpipe/format/page"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

//go:embed page
var pageFiles embed.FS

var pageTemplate = design.Template(pageFiles)

// Page is what a page has apart from the figures.
type Page struct {
	Title   string    // "" for the default in the language
	Privacy string    // URL of the operator's privacy statement, "" for none
	Made    civil.Day // the day it is made on
}

// HTML writes a page that needs no other file and no network: figures, charts, tables and what
// they mean.
func HTML(w io.Writer, r *Report, l *report.Language, about Page) error {
	about.Title = cmp.Or(about.Title, word(l, "Website statistics"))
	return pageTemplate().Execute(w, &page{Page: about, Report: r, Language: l, Parts: design.WithCharts(design.File(pageFiles, "page/page.css"))})
}

// page is what the template sees.
type page struct {
	Page
	*Report
	*report.Language
	design.Parts
}

// Text translates a sentence, given in English.
func (p *page) Text(english string, args ...any) string {
	return translate(p.Language, english, args...)
}

// Span returns the period in words.
func (p *page) Span() string { return p.Period(p.From, p.To) }

// Change names the period of comparison, or explains why there is none.
func (p *page) Change() string {
	before := p.Period(p.beforeFrom, p.From-1)
	switch {
	case p.Comparable():
		return p.Text("The change is against %s.", before)
	case p.Before.Known == 0:
		return p.Text("There is nothing to compare with: there is no data for %s.", before)
	}
	return p.Text("Nothing is compared, since days of this period or of %s have no data.", before)
}

// Headlines returns the figures of the whole period.
func (p *page) Headlines() (list []struct{ Title, Figure, Change string }) {
	for _, h := range headlines[:6] {
		list = append(list, struct{ Title, Figure, Change string }{p.Text(h.title), h.text(p.Total, p.Language), p.change(p.Language, h.of)})
	}
	return list
}

// Range bounds the number of different visitors.
func (p *page) Range() string {
	if p.Most == 0 || p.From == p.To {
		return ""
	}
	return p.Text("Different visitors: at least %s, those of the busiest day (%s), and at most %s.", p.Most, p.Date(p.Busiest), p.Total.VisitorDays)
}

// Also returns further facts about the whole period, one a line.
func (p *page) Also() (lines []string) {
	for _, c := range p.cells {
		if c.Kind != "total" {
			continue
		}
		switch c.Key {
		case "people", "robots":
		case "with-asset":
			lines = append(lines, p.Text("Visits that loaded more than pages: %s.", c.Numbers[3]))
		case "ignored":
			lines = append(lines, p.Text("Hits that were left out, as those of the operator: %s.", c.Numbers[1]))
		case "without-visit":
			lines = append(lines, p.Text("Pages that belong to no known visit: %s.", c.Numbers[0]))
		default: // of a later version
			lines = append(lines, c.Key+": "+p.Number(c.Numbers[1]))
		}
	}
	return lines
}

// Peak describes what the charts over time show.
func (p *page) Peak() string {
	if p.Total.Known == 0 {
		return p.Text("Nothing is known of this period.")
	}
	best := slices.MaxFunc(p.Steps, func(a, b Step) int { return cmp.Compare(a.Visits, b.Visits) })
	if best.Visits == 0 {
		return p.Text("There was no visit.")
	}
	return p.Text("Most visits: %s with %s pages (%s).", best.Visits, best.Pages, p.stepName(best, p.Language))
}

// Data returns the data of the charts.
func (p *page) Data() design.Charts {
	d := design.Charts{Lang: p.Tag(), By: int(p.By), Months: p.Language.Months(),
		Words: design.Words{NoData: p.Text("no data"), Missing: p.Text("Days without data"), Partial: p.Text("Days with incomplete data")}}
	visits := design.Series{Label: p.Text("Visits"), Color: "c0"}
	pages := design.Series{Label: p.Text("Pages"), Color: "c1"}
	people := design.Series{Label: p.Text("People"), Color: "s2"}
	robots := design.Series{Label: p.Text("Robots"), Color: "s0"}
	for _, s := range p.Steps {
		known := func(n uint64) *uint64 {
			if s.Known == 0 {
				return nil
			}
			return &n
		}
		d.Steps = append(d.Steps, design.Step{From: int(s.From), To: int(s.To) + 1, Label: p.stepName(s, p.Language), Known: s.Known > 0, Missing: s.Missing, Partial: s.Partial})
		visits.Values = append(visits.Values, known(s.Visits))
		pages.Values = append(pages.Values, known(s.Pages))
		people.Values = append(people.Values, known(s.Hits))
		robots.Values = append(robots.Values, known(s.RobotHits))
	}
	d.Charts = []design.Chart{{ID: "chart-visits", Series: []design.Series{visits}}, {ID: "chart-pages", Series: []design.Series{pages}},
		{ID: "chart-hits", Series: []design.Series{people, robots}}}
	for _, day := range p.Gaps {
		d.AddGap(int(day))
	}
	return d
}

// hourRow is an hour of the day in the heat map.
type hourRow struct {
	Hour  string
	Cells [7]hourCell
}

// hourCell is an hour on a day of the week.
type hourCell struct {
	Weekday time.Weekday
	Days    int // number of days with a file
	Mean    float64
	Level   int // 0…6, in equal steps of the largest mean
}

const mapLevels = 6

// Map returns the mean of the visits that began in an hour, by hour and day of the week.
func (p *page) Map() (rows []hourRow) {
	largest := 0.0
	mean := func(weekday, hour int) float64 {
		return float64(p.Hours[weekday][hour]) / float64(max(1, p.Report.Weekdays[weekday]))
	}
	for weekday := range 7 {
		for hour := range 24 {
			largest = max(largest, mean(weekday, hour))
		}
	}
	for hour := range 24 {
		row := hourRow{Hour: fmt.Sprintf("%02d:00", hour)}
		for weekday, name := range report.Weekdays {
			c := &row.Cells[weekday]
			*c = hourCell{Weekday: name, Days: p.Report.Weekdays[weekday], Mean: mean(weekday, hour)}
			if c.Mean > 0 {
				c.Level = int(math.Ceil(mapLevels * c.Mean / largest))
			}
		}
		rows = append(rows, row)
	}
	return rows
}

// Week returns the columns of the heat map.
func (p *page) Week() [7]time.Weekday { return report.Weekdays }

// view is a table of the page.
type view struct {
	ID, Title, About string
	Heads            []string
	Rows             []viewRow
	Demanded         *view  // more rows, shown on demand
	Rest             string // sums up what is in no row
	Paths            bool   // names are long
	Many             bool   // more than two numbers
}

type viewRow struct {
	Name   string
	Other  bool // sums up everything that has no name
	Cells  []string
	Length float64 // of the bar, 0…100
}

// seenRows is the number of rows of a table that are visible at once, demandedRows the number of
// those shown on demand. CSV and JSON have all.
const seenRows, demandedRows = 15, 300

// Table returns the table of a kind; without rows, its ID is "".
func (p *page) Table(kind string) view { return p.view(tableOf(kind)) }

// Long returns the kinds of tables that take the whole width.
func (p *page) Long() []string { return []string{"page", "missing"} }

// Pairs returns the kinds of tables that lie side by side.
func (p *page) Pairs() [][]string {
	return [][]string{{"browser", "system"}, {"country"}, {"type", "status"}}
}

// Days returns the number of days in the period.
func (p *page) Days() int { return int(p.To - p.From + 1) }

// Unknown returns the tables of kinds that only a later version knows.
func (p *page) Unknown() (list []view) {
	for _, t := range p.unknown() {
		list = append(list, p.view(t))
	}
	return list
}

func (p *page) view(t table) view {
	rows := p.rows(t)
	if len(rows) == 0 {
		return view{}
	}
	if t.inPage != nil {
		t.shown = t.inPage
	}
	v := view{ID: "table-" + t.kind, Title: p.Text(t.title), About: p.Text(t.about), Heads: t.heads(p.Language), Paths: t.kind == "page" || t.kind == "missing", Many: len(t.shown) > 2}
	seen, more, rest := rows, []trafficfile.Cell(nil), []trafficfile.Cell(nil)
	if t.order == nil {
		seen, more, rest = splitRows(rows, seenRows, demandedRows)
	}
	largest, all := uint64(1), uint64(0)
	for _, c := range rows {
		largest, all = max(largest, c.Numbers[t.shown[0]]), all+c.Numbers[t.shown[0]]
	}
	share := len(t.shown) < 3
	if share {
		v.Heads = slices.Insert(v.Heads, 2, p.Text("Share"))
	}
	row := func(c trafficfile.Cell) viewRow {
		n := c.Numbers[t.shown[0]]
		r := viewRow{Name: t.name(c.Key, p.Language), Other: isOther(c.Key), Cells: t.numbers(c, p.Language), Length: length(n, largest)}
		if share {
			r.Cells = slices.Insert(r.Cells, 1, p.share(n, all))
		}
		return r
	}
	for _, c := range seen {
		v.Rows = append(v.Rows, row(c))
	}
	if len(more) > 0 {
		v.Demanded = &view{ID: v.ID + "-more", Title: p.Text("%s more", len(more)), Heads: v.Heads, Paths: v.Paths, Many: v.Many}
		for _, c := range more {
			v.Demanded.Rows = append(v.Demanded.Rows, row(c))
		}
	}
	if len(rest) > 0 {
		sum := uint64(0)
		for _, c := range rest {
			sum += c.Numbers[t.shown[0]]
		}
		v.Rest = p.Text("%s more, with %s: in --json.", len(rest), p.Text("%s "+t.number(t.shown[0]), sum))
	}
	return v
}

// length returns the length of a bar, 0…100.
func length(n, largest uint64) float64 {
	return math.Round(1000*float64(n)/float64(max(1, largest))) / 10
}

func (p *page) share(n, all uint64) string {
	if all == 0 {
		return dash
	}
	return p.Percent(float64(n) / float64(all))
}

// Classes returns robots by class, with their share of all hits and bytes.
func (p *page) Classes() view {
	sums := map[string][2]uint64{}
	for _, c := range p.cells {
		if c.Kind == "robot" {
			class, _, _ := strings.Cut(c.Key, " ")
			s := sums[class]
			sums[class] = [2]uint64{s[0] + c.Numbers[1], s[1] + c.Numbers[2]}
		}
	}
	if len(sums) == 0 {
		return view{}
	}
	v := view{ID: "table-classes", Many: true, About: p.Text("Robots by what they are for, with their share of all hits and bytes, those of people included"),
		Heads: []string{p.Text("Class"), p.Text("Hits"), p.Text("Share"), p.Text("Bytes"), p.Text("Share")}}
	names := sortedBy(sums, func(s [2]uint64) uint64 { return s[0] })
	for _, class := range names {
		s := sums[class]
		v.Rows = append(v.Rows, viewRow{Name: robotClass(class, p.Language), Length: length(s[0], sums[names[0]][0]),
			Cells: []string{p.Number(s[0]), p.share(s[0], p.Total.Hits+p.Total.RobotHits), size(s[1], p.Language), p.share(s[1], p.Total.Bytes+p.Total.RobotBytes)}})
	}
	return v
}

// Origins returns where people came from, by kind.
func (p *page) Origins() view {
	sums, all := map[string]uint64{}, uint64(0)
	for _, c := range p.cells {
		if c.Kind == "from" {
			kind, _, _ := strings.Cut(c.Key, " ")
			sums[kind] += c.Numbers[0]
			all += c.Numbers[0]
		}
	}
	if len(sums) == 0 {
		return view{}
	}
	v := view{ID: "table-origins", About: p.Text("Pages by what led to them"), Heads: []string{p.Text("Origin"), p.Text("Pages"), p.Text("Share")}}
	names := sortedBy(sums, func(n uint64) uint64 { return n })
	for _, kind := range names {
		n := sums[kind]
		v.Rows = append(v.Rows, viewRow{Name: word(p.Language, originKinds[kind], kind), Length: length(n, sums[names[0]]), Cells: []string{p.Number(n), p.share(n, all)}})
	}
	return v
}

// sortedBy returns the keys of sums, the one with the largest sum first.
func sortedBy[V any](sums map[string]V, of func(V) uint64) []string {
	var keys []string
	for key := range sums {
		keys = append(keys, key)
	}
	slices.SortFunc(keys, func(a, b string) int {
		return cmp.Or(cmp.Compare(of(sums[b]), of(sums[a])), cmp.Compare(a, b))
	})
	return keys
}

// Named returns the origins with a name.
func (p *page) Named() view {
	v := p.origins(func(key string) bool {
		return strings.Contains(key, " ") && !isOther(key) && !strings.HasPrefix(key, "campaign ")
	})
	v.About = p.Text("Search engines, assistants, networks and sites by name")
	return v
}

// Campaigns returns the origins that are campaigns.
func (p *page) Campaigns() view {
	v := p.origins(func(key string) bool { return strings.HasPrefix(key, "campaign ") })
	if v.ID != "" {
		v.ID, v.About = "table-campaigns", p.Text("Campaigns: the pages that links with utm_campaign and the like led to")
	}
	return v
}

// origins returns the table of the wanted origins.
func (p *page) origins(wanted func(key string) bool) view {
	some := *p.Report
	some.cells = slices.DeleteFunc(slices.Clone(p.cells), func(c trafficfile.Cell) bool { return c.Kind == "from" && !wanted(c.Key) })
	return (&page{p.Page, &some, p.Language, p.Parts}).Table("from")
}

// stepView is a table of steps.
type stepView struct {
	ID, Title, Head string
	Rows            []stepRow
	Sum             stepRow
	Gaps, Partial   bool
}

type stepRow struct {
	Name             string
	Known            bool
	Cells            []string
	Missing, Partial string
}

// StepTables returns the table of months, if steps are shorter, and the table of steps.
func (p *page) StepTables() (list []stepView) {
	if p.Report.Months != nil {
		list = append(list, p.stepView("months", p.Text("Months"), report.ByMonth, p.Report.Months))
	}
	return append(list, p.stepView("steps", p.Text("All figures"), p.By, p.Steps))
}

func (p *page) stepView(id, title string, by report.By, steps []Step) stepView {
	v := stepView{ID: id, Title: title, Head: p.Text(stepHeads[by]), Gaps: p.Total.Missing > 0 && by != report.ByDay, Partial: p.Total.Partial > 0}
	count := func(n int) string {
		if n == 0 {
			return ""
		}
		return p.Number(uint64(n))
	}
	row := func(name string, f Figures) stepRow {
		return stepRow{name, f.Known > 0, append(stepCells(f, p.Language), p.robots(f)...), count(f.Missing), count(f.Partial)}
	}
	for _, s := range steps {
		v.Rows = append(v.Rows, row(p.Step(report.Step{From: s.From, To: s.To}, by), s.Figures))
	}
	v.Sum = row("", p.Total)
	return v
}

func (p *page) robots(f Figures) []string {
	if f.Known == 0 {
		return []string{dash, dash}
	}
	return []string{p.Number(f.RobotHits), size(f.RobotBytes, p.Language)}
}

// Countings describes how the days were counted, one line for each way.
func (p *page) Countings() []string { return p.counted(p.Language) }
