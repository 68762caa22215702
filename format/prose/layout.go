package prose

import (
	"math"
	"slices"
	"strings"
	"unicode/utf8"
)

// Width is how many columns of a terminal a text takes: no letter that is written here
// takes two, and none is put together from several.
func Width(text string) int { return utf8.RuneCountInString(text) }

// Align returns rows whose cells are as wide as the widest of their column. sides has l
// for a column that is flush left and r for right; its last letter is that of all columns
// that follow, too.
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

// Lines returns aligned rows as lines of one width.
func Lines(sides string, rows [][]string) []string {
	lines := make([]string, len(rows))
	for n, cells := range Align(sides, rows) {
		lines[n] = strings.Join(cells, "  ")
	}
	return lines
}

// Wrap breaks a text into lines. A word that is longer stays whole.
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

// eighths are parts of a column, https://www.unicode.org/charts/PDF/U2580.pdf.
var eighths = [...]string{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"}

// Bar draws a value, in so many columns for the largest. What is not 0 can be seen.
func Bar(value, largest uint64, columns int) string {
	if value == 0 {
		return ""
	}
	n := max(1, int(math.Round(float64(value)/float64(largest)*float64(8*columns))))
	return strings.Repeat("█", n/8) + eighths[n%8]
}
