package report

import (
	"bufio"
	"fmt"
	"io"
	"slices"
	"strings"

	"hushpipe/format/prose"
)

// Screen is the terminal that text is written for.
type Screen struct {
	Width int  // columns
	Color bool // by the escape sequences of ECMA-48, section 8.3.117
}

// Escape sequences for painted text.
const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	cyan  = "\x1b[36m"
	reset = "\x1b[0m"
)

// Head paints the head of a table.
func (s Screen) Head(text string) string { return s.paint(bold, text) }

// bar paints a bar.
func (s Screen) bar(text string) string { return s.paint(cyan, text) }

// gap paints a row without data.
func (s Screen) gap(text string) string { return s.paint(faint, text) }

func (s Screen) paint(how, text string) string {
	if !s.Color || text == "" {
		return text
	}
	return how + text + reset
}

// Text writes tables and bar charts for a terminal.
func Text(w io.Writer, r *Report, l *Language, s Screen) error {
	out := bufio.NewWriter(w)
	s.Table(out, summary(r, l), nil)
	s.steps(out, r, l)
	if r.Total.Known > 0 {
		fmt.Fprintln(out)
		s.Table(out, sizeRows(r, l), r.Total.Sizes[:])
		fmt.Fprintln(out)
		s.Table(out, recurrenceRows(r, l), recurring(r))
	}
	return out.Flush()
}

// steps writes the table of steps, each with a bar for its participants.
func (s Screen) steps(out io.Writer, r *Report, l *Language) {
	var lines []string
	fit := func(room int) bool {
		for shown := columns(r, l); ; {
			lines = prose.Lines("lr", stepRows(r, l, shown))
			if fits := prose.Width(lines[0]) <= room; fits || !narrower(&shown) {
				return fits
			}
		}
	}
	if !fit(s.Width - 2 - leastBar) {
		fit(s.Width) // without bars there is room for more figures
	}
	values := make([]uint64, len(r.Steps))
	for i, step := range r.Steps {
		values[i] = step.Participants
	}
	room := s.Width - prose.Width(lines[0]) - 2
	bars := s.bars(values, room)
	head := s.Head(lines[0])
	if title := l.Text("Participants"); prose.Width(title) <= room {
		head += "  " + s.Head(title)
	}
	fmt.Fprintln(out)
	fmt.Fprintln(out, head)
	for i, step := range r.Steps {
		line, bar := lines[i+1], ""
		switch {
		case step.Known == 0:
			line = s.gap(line)
			if bars != nil {
				bar = s.gap(l.Text("no data"))
			}
		case bars != nil:
			bar = s.bar(bars[i])
		}
		fmt.Fprintln(out, strings.TrimRight(line+"  "+bar, " "))
	}
}

// narrower removes the least needed column, and reports whether there was one.
func narrower(shown *[]column) bool {
	most := -1
	for i, c := range *shown {
		if c.needless > 0 && (most < 0 || c.needless < (*shown)[most].needless) {
			most = i
		}
	}
	if most >= 0 {
		*shown = slices.Delete(*shown, most, most+1)
	}
	return most >= 0
}

// Table writes rows, with the first column flush left and the others flush right. If there are
// values, the first row has the heads, and each other row gets a bar for its value if the screen
// is wide enough.
func (s Screen) Table(out io.Writer, rows [][]string, values []uint64) {
	lines := prose.Lines("lr", rows)
	var bars []string
	if len(values) > 0 {
		bars = s.bars(values, s.Width-prose.Width(lines[0])-2)
	}
	for n, line := range lines {
		switch {
		case n == 0 && len(values) > 0:
			line = s.Head(line)
		case n > 0 && bars != nil:
			line += "  " + s.bar(bars[n-1])
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

// leastBar has room for "no data" in each language; beyond mostBar, the eye loses the line.
const leastBar, mostBar = 12, 60

// bars draws values to one scale in that many columns; nil if these are too few.
func (s Screen) bars(values []uint64, columns int) []string {
	if columns < leastBar {
		return nil
	}
	largest := slices.Max(values)
	bars := make([]string, len(values))
	for i, v := range values {
		bars[i] = prose.Bar(v, largest, min(columns, mostBar))
	}
	return bars
}
