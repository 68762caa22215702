package statement

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"hushpipe/format/prose"
)

// Text writes the notice for a terminal, in lines of at most width columns.
func (p *Page) Text(w io.Writer, width int) error {
	out := bufio.NewWriter(w)
	heading := func(text, under string) {
		lines := prose.Wrap(text, width)
		fmt.Fprintf(out, "%s\n%s\n", strings.Join(lines, "\n"), strings.Repeat(under, prose.Width(lines[len(lines)-1])))
	}
	paragraph := func(text string) {
		fmt.Fprintf(out, "\n%s\n", strings.Join(prose.Wrap(text, width), "\n"))
	}
	blocks := func(list []Block) {
		for _, b := range list {
			text := b.Text
			if b.Label != "" {
				text = b.Label + ": " + text
			}
			paragraph(text)
			if len(b.Rows) > 0 {
				out.WriteByte('\n')
				textTable(out, b.Rows, width)
			}
		}
	}
	heading(p.Title, "=")
	paragraph(p.Draft)
	blocks(p.Lead)
	for _, s := range p.Sections {
		if s.Title != "" {
			out.WriteByte('\n')
			heading(s.Title, "-")
		}
		blocks(s.Blocks)
	}
	paragraph(p.Foot)
	return out.Flush()
}

// textTable draws rows and wraps their cells.
func textTable(out io.Writer, rows [][2]string, width int) {
	first := 0
	for _, row := range rows {
		first = max(first, prose.Width(row[0]))
	}
	first = min(first, width*2/5)
	for _, row := range rows {
		left, right := prose.Wrap(row[0], first), prose.Wrap(row[1], width-first-4)
		for i := range max(len(left), len(right)) {
			var l, r string
			if i < len(left) {
				l = left[i]
			}
			if i < len(right) {
				r = right[i]
			}
			fmt.Fprintln(out, strings.TrimRight("  "+l+strings.Repeat(" ", max(first-prose.Width(l), 0))+"  "+r, " "))
		}
	}
}
