package statement

import (
	"bufio"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

// Text writes the notice for a terminal, in lines of at most width columns.
func (p *Page) Text(w io.Writer, width int) error {
	out := bufio.NewWriter(w)
	heading := func(text, under string) {
		fmt.Fprintf(out, "%s\n%s\n", text, strings.Repeat(under, min(utf8.RuneCountInString(text), width)))
	}
	heading(p.title, "=")
	fold(out, "\n", "", p.draft, width)
	p.textBlocks(out, p.lead, width)
	for _, s := range p.sections {
		if s.title != "" {
			out.WriteByte('\n')
			heading(s.title, "-")
		}
		p.textBlocks(out, s.blocks, width)
	}
	fold(out, "\n", "", p.foot, width)
	return out.Flush()
}

func (p *Page) textBlocks(out *bufio.Writer, list []block, width int) {
	for _, b := range list {
		text := b.text
		if b.label != "" {
			text = b.label + ": " + text
		}
		fold(out, "\n", "", text, width)
		if len(b.rows) == 0 {
			continue
		}
		first := 0
		for _, row := range b.rows {
			first = max(first, utf8.RuneCountInString(row[0]))
		}
		first = min(first, width*2/5)
		out.WriteByte('\n')
		for _, row := range b.rows {
			left, right := wrap(row[0], first), wrap(row[1], width-first-4)
			for i := range max(len(left), len(right)) {
				cell := func(list []string) string {
					if i < len(list) {
						return list[i]
					}
					return ""
				}
				l := cell(left)
				line := "  " + l + strings.Repeat(" ", first-utf8.RuneCountInString(l)) + "  " + cell(right)
				fmt.Fprintln(out, strings.TrimRight(line, " "))
			}
		}
	}
}

func fold(out *bufio.Writer, before, indent, text string, width int) {
	out.WriteString(before)
	for _, line := range wrap(text, width-len(indent)) {
		fmt.Fprintln(out, indent+line)
	}
}

// wrap breaks a text into lines. A word that is longer stays whole.
func wrap(text string, width int) (lines []string) {
	line, n := "", 0
	for word := range strings.FieldsSeq(text) {
		size := utf8.RuneCountInString(word)
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
