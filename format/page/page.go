// Package page holds what the HTML pages of the program have in common: one style sheet,
// charts over time, and a policy by which a page asks for nothing and runs nothing else.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"sync"
)

// Head is what a page begins with.
const Head = "<!doctype html>"

//go:embed page.css charts.js uPlot.*
var files embed.FS

// Style is the style sheet, in light, dark, on a phone and on paper.
var Style = File(files, "page.css")

// File returns the text of an embedded file.
func File(files embed.FS, name string) string {
	text, err := files.ReadFile(name)
	if err != nil {
		panic(err)
	}
	return string(text)
}

// Template returns a function that parses page/page.html of files on its first call: most
// processes are loggers, which make no page and would keep the template in memory.
func Template(files embed.FS) func() *template.Template {
	return sync.OnceValue(func() *template.Template {
		return template.Must(template.ParseFS(files, "page/page.html"))
	})
}

// HashSource names an inline element by its content, as in section 2.3.1 of
// https://www.w3.org/TR/CSP3/.
func HashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Parts are what a page with charts is made of. Its template puts each of CSS, Plot and
// Script into an element of its own, in this order and without a blank beside it, and
// Charts as JSON into that with the id "data", before the scripts.
type Parts struct {
	CSS          template.CSS
	Plot, Script template.JS
	Policy       string // the Content-Security-Policy that allows these and nothing else: no request, no inline style
}

// WithCharts returns the parts of a page that has a style of its own below Style.
func WithCharts(style string) Parts {
	p := Parts{
		CSS: template.CSS(File(files, "uPlot.min.css") + Style + style),
		// uPlot's licence asks to stand in all copies.
		Plot:   template.JS("/*\n" + File(files, "uPlot.LICENSE") + "\n*/\n" + File(files, "uPlot.iife.min.js")),
		Script: template.JS(File(files, "charts.js")),
	}
	p.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " +
		HashSource(string(p.CSS)) + "; script-src " + HashSource(string(p.Plot)) + " " + HashSource(string(p.Script))
	return p
}

// Charts is what charts.js draws: figures of one period, by steps.
type Charts struct {
	Lang   string   `json:"lang"`
	By     int      `json:"by"` // what a step is: 0 a day, 1 a week, 2 a month, 3 a year
	Months []string `json:"months"`
	Steps  []Step   `json:"steps"`
	Gaps   [][2]int `json:"gaps"` // days of which nothing is known: the first, and the one after the last, since 1970
	Charts []Chart  `json:"charts"`
	Words  Words    `json:"words"`
}

// Step is a part of the period. Days count from 1970-01-01.
type Step struct {
	From    int    `json:"from"`
	To      int    `json:"to"` // the day after
	Label   string `json:"label"`
	Known   bool   `json:"known"`   // something is known of it
	Missing int    `json:"missing"` // days of which nothing is
	Partial int    `json:"partial"` // days of which not all is
}

// Chart has columns of one series, or of several that stand on each other, in the element
// of its ID.
type Chart struct {
	ID     string   `json:"id"`
	Series []Series `json:"series"`
}

// Series has a value for each step, nil where nothing is known.
type Series struct {
	Label  string    `json:"label"`
	Color  string    `json:"color"` // a custom property of the style sheet, and the class of its mark
	Values []*uint64 `json:"values"`
}

// Words are those of tooltips and legends.
type Words struct {
	NoData  string `json:"noData"`
	Missing string `json:"missing"`
	Partial string `json:"partial"`
}

// AddGap adds a day of which nothing is known, behind all others.
func (c *Charts) AddGap(day int) {
	if n := len(c.Gaps); n > 0 && c.Gaps[n-1][1] == day {
		c.Gaps[n-1][1]++
		return
	}
	c.Gaps = append(c.Gaps, [2]int{day, day + 1})
}
