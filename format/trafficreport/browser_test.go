package trafficreport_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/page"
	"hushpipe/format/page/pagetest"
	"hushpipe/format/report"
	"hushpipe/format/trafficfile"
	"hushpipe/format/trafficreport"
)

// pageOf returns the page of a report.
func pageOf(t *testing.T, r *trafficreport.Report, lang string) []byte {
	t.Helper()
	var text bytes.Buffer
	require.NoError(t, trafficreport.HTML(&text, r, languageOf(t, lang), trafficreport.Page{Made: day(2026, 11, 28), Privacy: "/privacy"}))
	require.True(t, bytes.HasPrefix(text.Bytes(), []byte(page.Head)))
	return text.Bytes()
}

func TestPageInABrowser(t *testing.T) {
	browser := pagetest.Chromium(t)
	march := trafficreport.New(day(2026, 3, 1), day(2026, 3, 31), report.ByDay, sample(day(2026, 1, 1), day(2026, 3, 31), noGap))
	year := trafficreport.New(day(2026, 1, 1), day(2026, 12, 31), report.ByWeek, sample(day(2026, 1, 1), day(2026, 12, 31), aWeekMissing))

	t.Run("charts, headlines and tables", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "en"))
		for chart, colors := range map[string][]string{"chart-visits": {"c0"}, "chart-pages": {"c1"}, "chart-hits": {"s2", "s0"}} {
			for _, c := range colors {
				assert.Greater(t, b.Pixels(chart, c), 2000, "%s %s", chart, c)
			}
		}
		text := pagetest.Eval[string](b, `document.body.innerText`)
		for _, want := range []string{"The change is against 29 Jan – 28 Feb 2026.", "Different visitors: at least ", "Hits that were left out, as those of the operator: ",
			"GPTBot (AI training)", "ChatGPT (assistant)", "news.ycombinator.com", "/2026/02/logs-without-people/", "/wp-login.php",
			"Germany", "other countries", "country unknown", "newsletter-march (campaign)", "other campaigns", "IP Geolocation by DB-IP",
			"are a network address and a browser, on one day.", "Counted with " + options + " (March 2026)"} {
			assert.Contains(t, text, want)
		}
		assert.Regexp(t, `^\+\d\.\d%$`, pagetest.Eval[string](b, `document.querySelector('.figures small').innerText`))
		assert.NotContains(t, text, "NaN")
		assert.NotContains(t, text, "%!")
		b.Picture("month")

		bars := pagetest.Eval[[]struct{ N, Width float64 }](b, `[...document.querySelectorAll('#table-page tbody tr')].map(row => ({
			n: Number(row.cells[1].innerText.replaceAll(',', '')), width: row.querySelector('rect').getBoundingClientRect().width / row.querySelector('svg').getBoundingClientRect().width }))`)
		require.Len(t, bars, 16, "what has no name is the last")
		for _, bar := range bars {
			assert.InDelta(t, bar.N/bars[0].N, bar.Width, 0.01)
		}
		cells := pagetest.Eval[[]float64](b, `[...document.querySelectorAll('.map tbody td')].map(cell => Number(cell.innerText))`)
		require.Len(t, cells, 24*7)
		assert.Greater(t, cells[20*7], 3*cells[3*7], "more in the evening than at night")
	})

	t.Run("the picture that the README links to", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "en"), chromedp.EmulateViewport(1100, 1900))
		shown, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		const picture = "testdata/traffic.png"
		readme, err := os.ReadFile("../../README.md")
		require.NoError(t, err)
		require.Contains(t, string(readme), "](format/trafficreport/"+picture+")")
		if os.Getenv("UPDATE") != "" {
			require.NoError(t, os.WriteFile(picture, shown, 0o644))
		}
		kept, err := os.ReadFile(picture)
		require.NoError(t, err)
		assert.Less(t, pagetest.Difference(t, shown, kept), 0.02, "the page has changed: UPDATE=1 go test ./format/trafficreport -run Page")
	})

	t.Run("all of it by keyboard", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "no"))
		b.Do(chromedp.Focus(chromedp.CSS("#chart-hits")), chromedp.KeyEvent(kb.ArrowRight))
		b.Until("the first day is said", `document.getElementById('said').textContent.startsWith('01.03.2026, Mennesker ')`)
		b.Do(chromedp.KeyEvent(kb.End))
		b.Until("the last day is said", `document.getElementById('said').textContent.startsWith('31.03.2026, Mennesker ')`)
		assert.False(t, pagetest.Eval[bool](b, `document.querySelector('#table-page-more').checkVisibility()`))
		b.Do(chromedp.Focus(chromedp.CSS("#table-page + details summary")), chromedp.KeyEvent(kb.Enter))
		b.Until("the other pages are shown", `document.querySelector('#table-page-more').checkVisibility()`)
		assert.Equal(t, 6, pagetest.Eval[int](b, `document.querySelectorAll('#table-page-more tbody tr').length`))
	})

	t.Run("gaps are no zeros", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, year, "en"))
		b.Hover("chart-visits", 6.5/52)
		b.Until("a week without files", pagetest.Tip("chart-visits")+` === '9–15 Feb 2026|no data'`)
		assert.Greater(t, b.Pixels("chart-visits", "hatch"), 50)
		text := pagetest.Eval[string](b, `document.body.innerText`)
		assert.Contains(t, text, "Days with data: 358 of 365. Days without data are gaps")
		assert.Contains(t, text, "There is nothing to compare with: there is no data for 2025.")
		assert.Contains(t, pagetest.Eval[string](b, `document.querySelector('[aria-labelledby=months] .steps').innerText`), "February 2026\t")
		assert.Contains(t, pagetest.Eval[string](b, `document.querySelector('[aria-labelledby=steps] .steps').innerText`), "9–15 Feb 2026\tno data\t7\n")
	})

	t.Run("light and dark have contrast, and charts follow", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "de"))
		assert.Empty(t, b.Faint())
		columns := b.Pixels("chart-pages", "c1")
		light := pagetest.Eval[string](b, `getComputedStyle(document.body).backgroundColor`)
		b.Do(pagetest.Dark)
		b.Until("the page is dark", `getComputedStyle(document.body).backgroundColor !== '`+light+`'`)
		b.Until("the charts as well", fmt.Sprintf(pagetest.Pixels+" === %[3]d", "chart-pages", "c1", columns))
		assert.Empty(t, b.Faint())
		b.Picture("dark")
	})

	t.Run("a phone scrolls one way", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "de"), chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
		b.Picture("phone")
		for _, lang := range []string{"de", "en", "no"} {
			b.Load(pageOf(t, march, lang))
			assert.LessOrEqual(t, pagetest.Eval[int](b, `document.documentElement.scrollWidth`), 360, lang)
			assert.Empty(t, pagetest.Eval[[]string](b, `[...document.querySelectorAll('table.bars, table.map')].filter(t => t.checkVisibility() && t.getBoundingClientRect().right > 360).map(t => t.id)`), lang)
		}
		b.Load(pageOf(t, hostileReport(), "en"))
		assert.LessOrEqual(t, pagetest.Eval[int](b, `document.documentElement.scrollWidth`), 360, "whatever the names")
	})

	t.Run("paper", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "en"), pagetest.Dark)
		pdf, err := chromedp.Run(b.Ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "print.pdf"), pdf, 0o600))
		assert.Greater(t, len(pdf), 50_000)
		b.Do(chromedp.EmulateViewport(680, 900), pagetest.Printed)
		assert.Equal(t, "rgb(255, 255, 255)", pagetest.Eval[string](b, `getComputedStyle(document.body).backgroundColor`))
		assert.Zero(t, pagetest.Eval[struct{ Across, Down float64 }](b, `(() => {
			const box = document.querySelector('.scroll'), table = box.firstElementChild;
			return { across: table.scrollWidth - box.clientWidth, down: table.offsetHeight - box.clientHeight };
		})()`), "the table is whole")
		assert.LessOrEqual(t, pagetest.Eval[int](b, `document.documentElement.scrollWidth`), 680)
	})

	t.Run("what a client chose is text", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, hostileReport(), "en"))
		assert.Equal(t, "Website statistics, 1 Mar 2026", pagetest.Eval[string](b, `document.title`), "no script has run")
		assert.Equal(t, 3, pagetest.Eval[int](b, `document.scripts.length`))
		assert.Equal(t, hostileNames, pagetest.Eval[[]string](b, `[...document.querySelectorAll('#table-page bdi')].map(e => e.textContent)`))
		text := pagetest.Eval[string](b, `document.body.innerText`)
		assert.Contains(t, text, "<b>spring</b> (campaign)")
		assert.Contains(t, text, "comet", "a kind of a later version")
		assert.Contains(t, text, "Halley")
		assert.Contains(t, text, "sleepy: 7", "a total of a later version")
		b.Picture("hostile")
	})

	t.Run("any period", func(t *testing.T) {
		b := pagetest.Open(t, browser, pageOf(t, march, "en"))
		none := map[string]*trafficreport.Report{
			"nothing known": trafficreport.New(day(2026, 2, 9), day(2026, 2, 12), report.ByDay, nil),
			"no visit":      trafficreport.New(day(2026, 2, 9), day(2026, 2, 9), report.ByDay, empty(day(2026, 2, 9))),
			"forty years":   trafficreport.New(day(1987, 1, 1), day(2026, 12, 31), report.ByYear, sample(day(2026, 1, 1), day(2026, 1, 31), noGap)),
		}
		for name, r := range none {
			b.Load(pageOf(t, r, "en"))
			text := pagetest.Eval[string](b, `document.body.innerText`)
			assert.NotContains(t, text, "NaN", name)
			assert.Equal(t, name == "nothing known", strings.Contains(text, "Nothing is known of this period."), name)
			assert.Equal(t, name == "no visit", strings.Contains(text, "There was no visit."), name)
		}
	})
}

// hostileNames are paths that a client could choose if the rest of the program allowed it, in
// the order of their views.
var hostileNames = []string{`/<script>document.title='x'</script>`, `/"onmouseover="alert(1)`, `/</td></table><img src=x onerror=alert(1)>`, `/{{.Title}}`,
	"/" + strings.Repeat("long", 29), "/שלום/עולם", `/'-->]]>&amp;`}

func hostileReport() *trafficreport.Report {
	var cells []trafficfile.Cell
	for i, name := range hostileNames {
		cells = append(cells, trafficfile.Cell{Kind: "page", Numbers: []uint64{uint64(100 - i), 3, 2, 1}, Key: name},
			trafficfile.Cell{Kind: "missing", Numbers: []uint64{uint64(100 - i)}, Key: name})
	}
	cells = append(cells, trafficfile.Cell{Kind: "from", Numbers: []uint64{5}, Key: "campaign <b>spring</b>"},
		trafficfile.Cell{Kind: "from", Numbers: []uint64{4}, Key: "site " + strings.Repeat("long-", 20) + "</script>.example"},
		trafficfile.Cell{Kind: "comet", Numbers: []uint64{7, 8}, Key: "Halley"},
		trafficfile.Cell{Kind: "comet", Numbers: []uint64{7}, Key: "<i>Encke"},
		trafficfile.Cell{Kind: "robot", Numbers: []uint64{1, 2, 3, 4}, Key: "new-class <b>Bot"},
		trafficfile.Cell{Kind: "total", Numbers: []uint64{0, 7, 0, 0, 0}, Key: "sleepy"},
		trafficfile.Cell{Kind: "total", Numbers: []uint64{9, 9, 9, 9, 9}, Key: "people"})
	at := day(2026, 3, 1)
	return trafficreport.New(at, at, report.ByDay, daysOf(at, trafficreport.Day{Cells: trafficfile.Add(cells), Options: []string{"own=</dl><script>"}}))
}

// Every text in use has a translation in each language, with the same arguments, and no
// translation is unused.
func TestWords(t *testing.T) {
	var source []byte
	for _, glob := range []string{"*.go", "page/page.html"} {
		files, err := filepath.Glob(glob)
		require.NoError(t, err)
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") || name == "words.go" {
				continue
			}
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			source = append(source, text...)
		}
	}
	words := trafficreport.Words()
	for _, m := range regexp.MustCompile(`(?:\.Text[ (]|(?:word|say)\([a-z.A-Z]*, )"([^"]+)"[ ,)}]`).FindAllSubmatch(source, -1) {
		assert.Contains(t, words, string(m[1]))
	}
	verbs := regexp.MustCompile(`%s`)
	for english, others := range words {
		if !strings.HasPrefix(english, "%s ") { // put together from a column's name
			assert.Contains(t, string(source), `"`+english+`"`)
		}
		for _, other := range others {
			assert.NotEmpty(t, other, english)
			assert.Equal(t, len(verbs.FindAllString(english, -1)), len(verbs.FindAllString(other, -1)), other)
		}
	}
}
