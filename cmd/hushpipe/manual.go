package main

import (
	"embed"
	"fmt"
	"path"
	"regexp"
	"strings"
	"unicode/utf8"

	"github.com/spf13/cobra"
)

// manualFiles is the manual in a subset of Markdown: NAME.1.md for commands, NAME.5.md
// and NAME.7.md for topics. Man pages are generated from it (manual_test.go), and help
// prints it as plain text.
//
//go:embed manual/*.md
var manualFiles embed.FS

// manualText returns a page of the manual as Markdown.
func manualText(name, section string) string {
	text, err := manualFiles.ReadFile("manual/" + name + "." + section + ".md")
	if err != nil {
		panic(err)
	}
	return string(text)
}

// topic is a page of the manual that is not about a command.
type topic struct {
	name, section, short string
	text                 string // without the title
}

var topicTitle = regexp.MustCompile(`^# hushpipe-([a-z]+)\(([57])\): (.*)\n\n`)

// topics returns all topics, sorted by name.
func topics() (list []topic) {
	files, err := manualFiles.ReadDir("manual")
	if err != nil {
		panic(err)
	}
	for _, f := range files {
		name, section, _ := strings.Cut(strings.TrimSuffix(f.Name(), path.Ext(f.Name())), ".")
		if section == "1" {
			continue
		}
		text := manualText(name, section)
		title := topicTitle.FindStringSubmatch(text)
		list = append(list, topic{name, section, title[3], text[len(title[0]):]})
	}
	return list
}

// help returns the topic as plain text.
func (t topic) help() string {
	return plainText(fmt.Sprintf("hushpipe-%s(%s): %s\n\n%s", t.name, t.section, t.short, t.text))
}

// topicList returns a line for each topic.
func topicList() string {
	var list strings.Builder
	for _, t := range topics() {
		fmt.Fprintf(&list, "\n  %-11s %s", t.name, t.short)
	}
	return list.String()
}

// showHelp prints the help of a command: what it does, its usage, and the sections of
// its page.
func showHelp(cmd *cobra.Command, _ []string) {
	text, sections, found := strings.Cut(cmd.Long, "\n## ")
	if found {
		sections = "\n" + plainText("## "+sections)
	}
	if text == "" {
		text = cmd.Short
	}
	fmt.Fprint(cmd.OutOrStdout(), plainText(text), "\n", cmd.UsageString(), sections)
}

// helpWidth is the width of help in columns.
const helpWidth = 80

// plainText renders a page of the manual for a terminal. It supports the Markdown that
// the manual uses: headings (## …), paragraphs, fenced code, items (- …) and
// definitions (a term, then a line ": …"), separated by empty lines, with `code` and
// **strong** in them.
func plainText(markdown string) string {
	var out strings.Builder
	indent := ""
	tight := true  // no empty line comes before the next block
	terse := false // the block before is a definition in one line
	for _, block := range blocks(markdown) {
		term, definition, defines := strings.Cut(block, "\n: ")
		brief := defines && len(term) < 5
		if !tight && !(brief && terse) {
			out.WriteByte('\n')
		}
		tight, terse = strings.HasPrefix(block, "## "), brief
		switch {
		case strings.HasPrefix(block, "## "):
			indent = "  "
			fmt.Fprintf(&out, "%s:\n", block[3:])
		case strings.HasPrefix(block, "```"):
			for line := range strings.Lines(block) {
				if !strings.HasPrefix(line, "```") {
					out.WriteString(indent + "  " + line)
				}
			}
		case strings.HasPrefix(block, "- "):
			fold(&out, indent+"- ", indent+"  ", block[2:])
		case brief:
			fold(&out, fmt.Sprintf("%s%-6s", indent, term), indent+"      ", definition)
		case defines:
			fold(&out, indent, indent, term)
			fold(&out, indent+"      ", indent+"      ", definition)
		default:
			fold(&out, indent, indent, block)
		}
	}
	return out.String()
}

// blocks splits a text at empty lines outside fenced code.
func blocks(markdown string) (list []string) {
	var block strings.Builder
	code := false
	for line := range strings.Lines(strings.TrimSuffix(markdown, "\n") + "\n\n") {
		if strings.HasPrefix(line, "```") {
			code = !code
		}
		if line == "\n" && !code {
			list = append(list, strings.TrimSuffix(block.String(), "\n"))
			block.Reset()
			continue
		}
		block.WriteString(line)
	}
	return list
}

var unmarked = strings.NewReplacer("`", "", "**", "")

// fold writes text in lines of helpWidth columns. The first line begins with first, the
// others with indent.
func fold(out *strings.Builder, first, indent, text string) {
	out.WriteString(first)
	column, gap := utf8.RuneCountInString(first), ""
	for _, word := range strings.Fields(unmarked.Replace(text)) {
		if n := utf8.RuneCountInString(word); gap != "" && column+1+n > helpWidth {
			out.WriteString("\n" + indent)
			column, gap = len(indent), ""
		}
		out.WriteString(gap + word)
		column += len(gap) + utf8.RuneCountInString(word)
		gap = " "
	}
	out.WriteByte('\n')
}
