package report

import (
	"bufio"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"
)

// Screen is what text is written for.
type Screen struct {
	Width int  // columns
	Color bool // by the escape sequences of ECMA-48, section 8.3.117
}

// What text is painted with.
const (
	bold  = "\x1b[1m"
	faint = "\x1b[2m"
	cyan  = "\x1b[36m"
	reset = "\x1b[0m"
)

// Head paints the head of a table.
func (s Screen) Head(text string) string { return s.paint(bold, text) }

// Bar paints what Bars draws.
func (s Screen) Bar(text string) string { return s.paint(cyan, text) }

// gap paints a line of which nothing is known.
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
	for _, row := range aligned(summary(r, l)) {
		fmt.Fprintln(out, row)
	}
	s.steps(out, r, l)
	if r.Total.Known > 0 {
		s.classes(out, sizeRows(r, l), r.Total.Sizes[:])
		s.classes(out, recurrenceRows(r, l), recurring(r))
	}
	return out.Flush()
}

// steps draws the table of steps, each with a bar for its participants.
func (s Screen) steps(out io.Writer, r *Report, l *Language) {
	var lines []string
	fit := func(room int) bool {
		for shown := columns(r, l); ; {
			lines = aligned(stepRows(r, l, shown))
			if fits := width(lines[0]) <= room; fits || !narrower(&shown) {
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
	room := s.Width - width(lines[0]) - 2
	bars := s.Bars(values, room)
	head := s.Head(lines[0])
	if title := l.Text("Participants"); width(title) <= room {
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
			bar = s.Bar(bars[i])
		}
		fmt.Fprintln(out, strings.TrimRight(line+"  "+bar, " "))
	}
}

// narrower takes away the most needless column, if there is one.
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

// classes draws one bar for each class.
func (s Screen) classes(out io.Writer, rows [][]string, counts []uint64) {
	lines := aligned(rows)
	bars := s.Bars(counts, s.Width-width(lines[0])-2)
	fmt.Fprintln(out)
	fmt.Fprintln(out, s.Head(lines[0]))
	for i, line := range lines[1:] {
		if bars != nil {
			line += "  " + s.Bar(bars[i])
		}
		fmt.Fprintln(out, strings.TrimRight(line, " "))
	}
}

// leastBar has room for "no data" in each language; mostBar is where on a wide
// terminal the eye loses the line.
const leastBar, mostBar = 12, 60

// eighths are parts of a column, https://www.unicode.org/charts/PDF/U2580.pdf.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// Bars draws values to one scale, in so many columns; nil where they are too few.
func (s Screen) Bars(values []uint64, columns int) []string {
	if columns < leastBar {
		return nil
	}
	largest := max(1, slices.Max(values))
	bars := make([]string, len(values))
	for i, v := range values {
		n := int(math.Round(float64(v) / float64(largest) * float64(8*min(columns, mostBar))))
		if v > 0 {
			n = max(n, 1)
		}
		bars[i] = strings.Repeat("█", n/8) + eighths[n%8]
	}
	return bars
}
