package prose

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Width returns how many columns of a terminal a text takes. hushpipe writes no wide letters and
// no combining ones.
func Width(text string) int { return utf8.RuneCountInString(text) }

// Align pads cells to the width of their column. sides has l for each column that is flush left
// and r for flush right; its last letter also applies to all further columns.
func Align(sides string, rows [][]string) [][]string {
	var widths []int
	for _, row := range rows {
		for i, cell := range row {
			if i == len(widths) {
				widths = append(widths, 0)
			}
			widths[i] = max(widths[i], Width(cell))
		}
	}
	aligned := make([][]string, len(rows))
	for n, row := range rows {
		cells := slices.Clone(row)
		for i, cell := range row {
			pad := strings.Repeat(" ", widths[i]-Width(cell))
			if sides[min(i, len(sides)-1)] == 'l' {
				cells[i] += pad
			} else {
				cells[i] = pad + cell
			}
		}
		aligned[n] = cells
	}
	return aligned
}

// Lines returns aligned rows as lines of equal width.
func Lines(sides string, rows [][]string) []string {
	lines := make([]string, len(rows))
	for n, cells := range Align(sides, rows) {
		lines[n] = strings.Join(cells, "  ")
	}
	return lines
}

// Wrap breaks a text into lines of at most width columns. A longer word stays whole.
func Wrap(text string, width int) (lines []string) {
	line, n := "", 0
	for word := range strings.FieldsSeq(text) {
		size := Width(word)
		if n > 0 && n+1+size > width {
			lines = append(lines, line)
			line, n = "", 0
		}
		if n > 0 {
			line, n = line+" ", n+1
		}
		line, n = line+word, n+size
	}
	return append(lines, line)
}

// eighths are the parts of a column, https://www.unicode.org/charts/PDF/U2580.pdf.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// Bar draws a value to a scale on which largest takes that many columns. Any value but 0 is
// visible.
func Bar(value, largest uint64, columns int) string {
	if value == 0 {
		return ""
	}
	n := max(1, int(math.Round(float64(value)/float64(largest)*float64(8*columns))))
	return strings.Repeat("█", n/8) + eighths[n%8]
}
