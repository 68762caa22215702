// Package page holds what the HTML pages of the program share: a style sheet, charts over time,
// and a Content-Security-Policy that allows no request and no other script or style.
package page

import (
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"html/template"
	"sync"
)

// Head is the first line of a page.
const Head = "<!doctype html>"

//go:embed page.css charts.js uPlot.*
var files embed.FS

// Style is the style sheet, for light and dark, phones and paper.
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

// HashSource returns the CSP source of an inline element with this content, section 2.3.1 of
// https://www.w3.org/TR/CSP3/.
func HashSource(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}

// Parts are the parts of a page with charts. Its template puts each of CSS, Plot and Script into
// its own element, in this order and without white space around it, and Charts as JSON into the
// element with ID "data", before the scripts.
type Parts struct {
	CSS          template.CSS
	Plot, Script template.JS
	Policy       string // the Content-Security-Policy, which allows these and nothing else: no request, no inline style
}

// WithCharts returns the parts of a page with charts. style is the page's own style, which
// follows Style.
func WithCharts(style string) Parts {
	p := Parts{
		CSS: template.CSS(File(files, "uPlot.min.css") + Style + style),
		// uPlot's licence must be in all copies.
		Plot:   template.JS("/*\n" + File(files, "uPlot.LICENSE") + "\n*/\n" + File(files, "uPlot.iife.min.js")),
		Script: template.JS(File(files, "charts.js")),
	}
	p.Policy = "default-src 'none'; base-uri 'none'; form-action 'none'; img-src data:; style-src " +
		HashSource(string(p.CSS)) + "; script-src " + HashSource(string(p.Plot)) + " " + HashSource(string(p.Script))
	return p
}

// Charts is the input of charts.js: figures of a period by steps.
type Charts struct {
	Lang   string   `json:"lang"`
	By     int      `json:"by"` // the length of a step: 0 a day, 1 a week, 2 a month, 3 a year
	Months []string `json:"months"`
	Steps  []Step   `json:"steps"`
	Gaps   [][2]int `json:"gaps"` // days without data: the first, and the one after the last, since 1970-01-01
	Charts []Chart  `json:"charts"`
	Words  Words    `json:"words"`
}

// Step is a part of the period. Days count from 1970-01-01.
type Step struct {
	From    int    `json:"from"`
	To      int    `json:"to"` // the day after
	Label   string `json:"label"`
	Known   bool   `json:"known"`   // has data
	Missing int    `json:"missing"` // number of days without data
	Partial int    `json:"partial"` // number of days with incomplete data
}

// Chart is a column chart in the element with that ID. The columns of several series are
// stacked.
type Chart struct {
	ID     string   `json:"id"`
	Series []Series `json:"series"`
}

// Series has a value for each step, nil if it is unknown.
type Series struct {
	Label  string    `json:"label"`
	Color  string    `json:"color"` // custom property of the style sheet, and class of its mark
	Values []*uint64 `json:"values"`
}

// Words are the texts of tooltips and legends.
type Words struct {
	NoData  string `json:"noData"`
	Missing string `json:"missing"`
	Partial string `json:"partial"`
}

// AddGap adds a day without data, which must be later than all others.
func (c *Charts) AddGap(day int) {
	if n := len(c.Gaps); n > 0 && c.Gaps[n-1][1] == day {
		c.Gaps[n-1][1]++
		return
	}
	c.Gaps = append(c.Gaps, [2]int{day, day + 1})
}
