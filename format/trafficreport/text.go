package trafficreport

import (
	"bufio"
	"fmt"
	"io"
	"slices"

	"hushpipe/format/prose"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// mostRows is the number of rows of a table in a terminal; CSV and JSON have all.
const mostRows = 15

// Text writes tables and bar charts for a terminal.
func Text(w io.Writer, r *Report, l *report.Language, s report.Screen) error {
	out := bufio.NewWriter(w)
	s.Table(out, r.summary(l), nil)
	fmt.Fprintln(out)
	writeSteps(out, s, r, l)
	for _, t := range slices.Concat(tables, r.unknown()) {
		rows := r.rows(t)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s\n", s.Head(word(l, t.title)))
		var rest []trafficfile.Cell
		if t.order == nil {
			rows, _, rest = splitRows(rows, mostRows, 0)
		}
		lines := [][]string{t.heads(l)}
		var values []uint64
		for _, c := range rows {
			lines = append(lines, append([]string{t.name(c.Key, l)}, t.numbers(c, l)...))
			values = append(values, c.Numbers[t.shown[0]])
		}
		s.Table(out, fitNames(lines, s), values)
		if len(rest) > 0 {
			fmt.Fprintln(out, translate(l, "and %s more", len(rest)))
		}
	}
	if groups := r.groups(); len(groups) > 0 {
		fmt.Fprintf(out, "\n%s\n", s.Head(word(l, "Groups")))
		var values []uint64
		for _, g := range groups {
			values = append(values, g.cell[0])
		}
		s.Table(out, fitNames(groupRows(groups, l), s), values)
	}
	for _, c := range r.counted(l) {
		fmt.Fprintf(out, "\n%s", c)
	}
	if len(r.Counted) > 0 {
		fmt.Fprintln(out)
	}
	return out.Flush()
}

// change returns the relative change against the period before, "" if that is meaningless.
func (r *Report) change(l *report.Language, of func(Figures) uint64) string {
	now, before := of(r.Total), of(r.Before)
	if !r.Comparable() || before == 0 {
		return ""
	}
	share := (float64(now) - float64(before)) / float64(before)
	if share >= 0 {
		return "+" + l.Percent(share)
	}
	return "−" + l.Percent(-share)
}

// headline is a figure of the whole period.
type headline struct {
	title string
	of    func(Figures) uint64
	bytes bool
}

var headlines = []headline{
	{"Visits", func(f Figures) uint64 { return f.Visits }, false},
	{"Pages", func(f Figures) uint64 { return f.Pages }, false},
	{"Visitor-days", func(f Figures) uint64 { return f.VisitorDays }, false},
	{"Hits", func(f Figures) uint64 { return f.Hits }, false},
	{"Bytes", func(f Figures) uint64 { return f.Bytes }, true},
	{"Hits of robots", func(f Figures) uint64 { return f.RobotHits }, false},
	{"Bytes of robots", func(f Figures) uint64 { return f.RobotBytes }, true},
}

// text returns the figure as text.
func (h headline) text(f Figures, l *report.Language) string {
	switch {
	case f.Known == 0:
		return dash
	case h.bytes:
		return size(h.of(f), l)
	}
	return l.Number(h.of(f))
}

// dash replaces an unknown figure.
const dash = "–"

// summary returns the headline figures, each with its change against as many days before.
func (r *Report) summary(l *report.Language) [][]string {
	t := r.Total
	head := ""
	if r.Comparable() {
		head = word(l, "change")
	}
	rows := [][]string{{word(l, "Period"), l.Period(r.From, r.To), head}}
	for _, h := range headlines {
		rows = append(rows, []string{word(l, h.title), h.text(t, l), r.change(l, h.of)})
	}
	add := func(title, text string) { rows = append(rows, []string{word(l, title), text, ""}) }
	if t.Known > 0 {
		add("Visitors a day", l.Decimal(float64(t.VisitorDays)/float64(t.Known)))
	}
	if r.Most > 0 && r.From < r.To {
		add("Busiest day", l.Number(r.Most)+" ("+l.Date(r.Busiest)+")")
		add("Different visitors", l.Number(r.Most)+"–"+l.Number(t.VisitorDays))
	}
	for _, c := range r.cells {
		if c.Kind != "total" || c.Key == "people" || c.Key == "robots" {
			continue
		}
		switch c.Key {
		case "with-asset":
			add("Visits that loaded more than pages", l.Number(c.Numbers[3]))
		case "ignored":
			add("Left out", l.Number(c.Numbers[1]))
		case "without-visit":
			add("Pages without a known visit", l.Number(c.Numbers[0]))
		default: // of a later version
			add(c.Key, l.Number(c.Numbers[1]))
		}
	}
	if t.Missing > 0 {
		add("Days without data", l.Number(uint64(t.Missing)))
	}
	if t.Partial > 0 {
		add("Days with incomplete data", l.Number(uint64(t.Partial)))
	}
	if len(r.Hosts) > 0 {
		add("Missing hosts", l.Number(uint64(len(r.Hosts))))
	}
	if t.UpperBound > 0 {
		add("Days with too many visits", l.Number(uint64(t.UpperBound)))
	}
	return rows
}

// counted lists the options that the days were counted with, one line for each.
func (r *Report) counted(l *report.Language) (lines []string) {
	for _, c := range r.Counted {
		lines = append(lines, translate(l, "Counted with %s (%s)", c.Options, l.Period(c.From, c.To)))
	}
	return lines
}

// writeSteps writes a row for each step, with a bar for its visits.
func writeSteps(out io.Writer, s report.Screen, r *Report, l *report.Language) {
	rows := [][]string{{word(l, stepHeads[r.By]), word(l, "Visits"), word(l, "Visitors"), word(l, "Pages"), word(l, "Hits"), word(l, "Bytes")}}
	var values []uint64
	for _, step := range r.Steps {
		rows = append(rows, append([]string{r.stepName(step, l)}, stepCells(step.Figures, l)...))
		values = append(values, step.Visits)
	}
	s.Table(out, rows, values)
}

// stepCells returns the figures of a step.
func stepCells(f Figures, l *report.Language) []string {
	if f.Known == 0 {
		return []string{dash, dash, dash, dash, dash}
	}
	return []string{l.Number(f.Visits), l.Number(f.VisitorDays), l.Number(f.Pages), l.Number(f.Hits), size(f.Bytes, l)}
}

func (r *Report) stepName(s Step, l *report.Language) string {
	return l.Step(report.Step{From: s.From, To: s.To}, r.By)
}

var stepHeads = map[report.By]string{report.ByDay: "Day", report.ByWeek: "Week", report.ByMonth: "Month", report.ByYear: "Year"}

// leastName is how many characters of a name are shown, however narrow the screen.
const leastName = 8

// fitNames returns rows with the names in the first column cut to fit the screen: clients choose
// names, of any length.
func fitNames(rows [][]string, s report.Screen) [][]string {
	name := 0
	for _, row := range rows {
		name = max(name, prose.Width(row[0]))
	}
	room := max(s.Width-(prose.Width(prose.Lines("l", rows)[0])-name), leastName)
	cut := make([][]string, len(rows))
	for n, row := range rows {
		cut[n] = row
		if prose.Width(row[0]) > room {
			cut[n] = slices.Concat([]string{string([]rune(row[0])[:room-1]) + "…"}, row[1:])
		}
	}
	return cut
}
