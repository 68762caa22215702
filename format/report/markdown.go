package report

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Markdown writes tables in the dialect that GitHub and most others read,
// https://github.github.com/gfm/#tables-extension-.
func Markdown(w io.Writer, r *Report, l *Language) error {
	out := bufio.NewWriter(w)
	markdownTable(out, summary(r, l))
	fmt.Fprintln(out)
	markdownTable(out, stepRows(r, l, columns(r, l)))
	if r.Total.Known > 0 {
		fmt.Fprintln(out)
		markdownTable(out, sizeRows(r, l))
		fmt.Fprintln(out)
		markdownTable(out, recurrenceRows(r, l))
	}
	return out.Flush()
}

// markdownTable writes rows, of which the first has the heads.
func markdownTable(out io.Writer, rows [][]string) {
	for i, row := range rows {
		fmt.Fprintln(out, "| "+strings.Join(row, " | ")+" |")
		if i == 0 {
			fmt.Fprintln(out, "| --- |"+strings.Repeat(" ---: |", len(row)-1))
		}
	}
}
