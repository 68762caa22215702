package statement

import (
	"bufio"
	"fmt"
	"io"
	"strings"
)

// Markdown writes the notice in the dialect that GitHub and most others read,
// https://github.github.com/gfm/.
func (p *Page) Markdown(w io.Writer) error {
	out := bufio.NewWriter(w)
	blocks := func(list []Block) {
		for _, b := range list {
			text := escaped(b.Text)
			if b.Blank {
				text = "**" + text + "**"
			}
			if b.Label != "" {
				text = strings.TrimSpace("**" + escaped(b.Label) + ":** " + text)
			}
			fmt.Fprintf(out, "\n%s\n", text)
			if len(b.Rows) > 0 {
				fmt.Fprintf(out, "\n| %s | %s |\n| --- | --- |\n", escaped(b.Heads[0]), escaped(b.Heads[1]))
			}
			for _, row := range b.Rows {
				fmt.Fprintf(out, "| %s | %s |\n", escaped(row[0]), escaped(row[1]))
			}
		}
	}
	fmt.Fprintf(out, "# %s\n\n> %s\n", escaped(p.Title), escaped(p.Draft))
	blocks(p.Lead)
	for _, s := range p.Sections {
		if s.Title != "" {
			fmt.Fprintf(out, "\n## %s\n", escaped(s.Title))
		}
		blocks(s.Blocks)
	}
	fmt.Fprintf(out, "\n*%s*\n", escaped(p.Foot))
	return out.Flush()
}

// marks escapes the characters that Markdown interprets anywhere in a text.
var marks = strings.NewReplacer(`\`, `\\`, "`", "\\`", "*", `\*`, "<", `\<`, ">", `\>`, "[", `\[`, "]", `\]`, "|", `\|`, "&", `\&`, "~", `\~`, "#", `\#`, "_", `\_`)

// escaped returns a text as one line of Markdown.
func escaped(text string) string { return marks.Replace(strings.Join(strings.Fields(text), " ")) }
