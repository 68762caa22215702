package trafficreport

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
)

// mostRows is how many rows of a table people see in a terminal; CSV and JSON have all.
const mostRows = 15

// Text writes tables for a terminal of so many columns.
func Text(w io.Writer, r *Report, l *report.Language, width int) error {
	out := bufio.NewWriter(w)
	writeTable(out, width, r.summary(l))
	fmt.Fprintln(out)
	writeTable(out, width, r.stepRows(l))
	for _, t := range tables {
		rows := r.rows(t)
		if len(rows) == 0 {
			continue
		}
		fmt.Fprintf(out, "\n%s\n", word(l, t.title))
		writeTable(out, width, t.lines(rows, l))
		if more := len(rows) - mostRows; t.by >= 0 && more > 0 {
			fmt.Fprintf(out, word(l, "and %s more")+"\n", l.Number(uint64(more)))
		}
	}
	return out.Flush()
}

// summary returns the headline figures, each with its change against as many days before.
func (r *Report) summary(l *report.Language) [][]string {
	t, b := r.Total, r.Before
	comparable := b.Known > 0 && b.Missing == 0 && t.Missing == 0
	change := func(now, before uint64) string {
		if !comparable || before == 0 {
			return ""
		}
		share := (float64(now) - float64(before)) / float64(before)
		if share >= 0 {
			return "+" + l.Percent(share)
		}
		return "−" + l.Percent(-share)
	}
	head := ""
	if comparable {
		head = word(l, "change")
	}
	rows := [][]string{{word(l, "Period"), l.Period(r.From, r.To), head},
		{word(l, "Visits"), l.Number(t.Visits), change(t.Visits, b.Visits)},
		{word(l, "Visitor-days"), l.Number(t.VisitorDays), change(t.VisitorDays, b.VisitorDays)},
	}
	if t.Known > 0 {
		rows = append(rows, []string{word(l, "Visitors a day"), l.Decimal(float64(t.VisitorDays) / float64(t.Known)), ""})
	}
	if r.Most > 0 && r.From < r.To {
		rows = append(rows,
			[]string{word(l, "Busiest day"), l.Number(r.Most) + " (" + l.Date(r.Busiest) + ")", ""},
			[]string{word(l, "Different visitors"), l.Number(r.Most) + "–" + l.Number(t.VisitorDays), ""})
	}
	rows = append(rows,
		[]string{word(l, "Pages"), l.Number(t.Pages), change(t.Pages, b.Pages)},
		[]string{word(l, "Hits"), l.Number(t.Hits), change(t.Hits, b.Hits)},
		[]string{word(l, "Bytes"), size(t.Bytes), change(t.Bytes, b.Bytes)},
		[]string{word(l, "Hits of robots"), l.Number(t.RobotHits), change(t.RobotHits, b.RobotHits)},
		[]string{word(l, "Bytes of robots"), size(t.RobotBytes), change(t.RobotBytes, b.RobotBytes)})
	for key, name := range map[string]string{"with-asset": "Visits that loaded more than pages"} {
		if n := numberOf(r.cells, "total", key, 3); n > 0 {
			rows = append(rows, []string{word(l, name), l.Number(n), ""})
		}
	}
	if n := numberOf(r.cells, "total", "ignored", 1); n > 0 {
		rows = append(rows, []string{word(l, "Left out"), l.Number(n), ""})
	}
	if n := numberOf(r.cells, "total", "without-visit", 0); n > 0 {
		rows = append(rows, []string{word(l, "Pages of no known visit"), l.Number(n), ""})
	}
	if t.Missing > 0 {
		rows = append(rows, []string{word(l, "Days without data"), l.Number(uint64(t.Missing)), ""})
	}
	return rows
}

// stepRows returns a row for each step, below one of heads.
func (r *Report) stepRows(l *report.Language) [][]string {
	rows := [][]string{{word(l, stepHeads[r.By]), word(l, "Visits"), word(l, "Visitors"), word(l, "Pages"), word(l, "Hits"), word(l, "Bytes")}}
	for _, s := range r.Steps {
		row := []string{l.Step(report.Step{From: s.From, To: s.To}, r.By)}
		if s.Known == 0 {
			rows = append(rows, append(row, "–", "–", "–", "–", "–"))
			continue
		}
		rows = append(rows, append(row, l.Number(s.Visits), l.Number(s.VisitorDays), l.Number(s.Pages), l.Number(s.Hits), size(s.Bytes)))
	}
	return rows
}

var stepHeads = map[report.By]string{report.ByDay: "Day", report.ByWeek: "Week", report.ByMonth: "Month", report.ByYear: "Year"}

// lines returns the first rows of a table, below one of heads.
func (t table) lines(rows []trafficfile.Cell, l *report.Language) [][]string {
	names := trafficfile.Numbers[t.kind]
	head := []string{word(l, t.key)}
	for _, n := range t.shown {
		head = append(head, word(l, columnNames[names[n]]))
	}
	lines := [][]string{head}
	if t.by >= 0 {
		rows = rows[:min(len(rows), mostRows)]
	}
	for _, c := range rows {
		line := []string{t.name(c.Key, l)}
		for _, n := range t.shown {
			if names[n] == "bytes" {
				line = append(line, size(c.Numbers[n]))
			} else {
				line = append(line, l.Number(c.Numbers[n]))
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// name returns a key as people read it.
func (t table) name(key string, l *report.Language) string {
	switch t.kind {
	case "hour":
		return fmt.Sprintf("%02s:00", key)
	case "from":
		kind, name, ok := strings.Cut(key, " ")
		if !ok || kind == "site" && name != trafficfile.Other {
			return word(l, map[string]string{"direct": "direct", "own": "own pages"}[kind]) + name
		}
		if kind == "site" {
			return word(l, "other sites")
		}
		return name + " (" + word(l, map[string]string{"search": "search", "ai": "assistant", "social": "network"}[kind]) + ")"
	case "depth", "length":
		return word(l, key)
	}
	if key == trafficfile.Other {
		return word(l, "other")
	}
	return key
}

var columnNames = map[string]string{"views": "Views", "pages": "Pages", "hits": "Hits", "bytes": "Bytes", "visits": "Visits", "visitors": "Visitors",
	"entries": "Entries", "exits": "Exits", "robots.txt": "robots.txt"}

// size writes bytes in units of 1024, as IEC 80000-13 names them.
func size(n uint64) string {
	if n < 1024 {
		return fmt.Sprintf("%d B", n)
	}
	v, unit := float64(n), -1
	for v >= 1024 && unit < 4 {
		v, unit = v/1024, unit+1
	}
	return fmt.Sprintf("%.1f %ciB", v, "KMGTP"[unit])
}

// writeTable writes rows whose first column is flush left; it is cut where the lines
// would be longer than width.
func writeTable(out io.Writer, width int, rows [][]string) {
	widths := make([]int, len(rows[0]))
	for _, row := range rows {
		for i, cell := range row {
			widths[i] = max(widths[i], utf8.RuneCountInString(cell))
		}
	}
	rest := 0
	for _, w := range widths[1:] {
		rest += 2 + w
	}
	widths[0] = max(min(widths[0], width-rest), 8)
	for _, row := range rows {
		var line strings.Builder
		for i, cell := range row {
			n := utf8.RuneCountInString(cell)
			switch {
			case i > 0:
				line.WriteString(strings.Repeat(" ", 2+widths[i]-n) + cell)
			case n > widths[0]:
				line.WriteString(string([]rune(cell)[:widths[0]-1]) + "…")
			default:
				line.WriteString(cell + strings.Repeat(" ", widths[0]-n))
			}
		}
		fmt.Fprintln(out, strings.TrimRight(line.String(), " "))
	}
}
