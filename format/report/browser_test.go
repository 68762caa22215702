package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"hushpipe/format/civil"
	design "hushpipe/format/page"
	"hushpipe/format/page/pagetest"

	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the README's picture of a report")

// open shows a report on a screen of 1100 by 900. The test fails at the end if the page
// requested anything or wrote to the console.
func open(t *testing.T, browser context.Context, r *Report, lang string, first ...pagetest.Action) *pagetest.Tab {
	t.Helper()
	return pagetest.Open(t, browser, pageOf(t, r, lang), first...)
}

// pageOf returns the page of a report.
func pageOf(t *testing.T, r *Report, lang string) []byte {
	t.Helper()
	l, err := NewLanguage(lang)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, HTML(&text, r, l, Page{Made: made, Privacy: "/privacy", Months: []civil.Day{day(2025, 12, 1), r.From}}))
	return text.Bytes()
}

// made is the date of the pages.
var made = civil.NewDay(2026, 11, 28)

func day(year, month, mday int) civil.Day { return civil.NewDay(year, month, mday) }

// aWeekMissing is a gap for sample.
func aWeekMissing(d civil.Day) bool { return d >= day(2026, 2, 9) && d <= day(2026, 2, 15) }

func noGap(civil.Day) bool { return false }

func TestPageInABrowser(t *testing.T) {
	browser := pagetest.Chromium(t)
	quarter := sample(day(2026, 1, 1), day(2026, 3, 31), ByDay, aWeekMissing)
	year := sample(day(2026, 1, 1), day(2026, 12, 31), ByMonth, aWeekMissing)
	year.Steps[1].Partial, year.Total.Partial = 1, 1

	t.Run("the charts are drawn", func(t *testing.T) {
		b := open(t, browser, quarter, "en")
		for chart, properties := range map[string][]string{
			"chart-conferences":  {"c0"},
			"chart-participants": {"c1"},
			"chart-sizes":        {"s0", "s1", "s2", "s3"},
		} {
			for _, p := range properties {
				assert.Greater(t, b.Pixels(chart, p), 500, "%s %s", chart, p)
			}
			assert.Greater(t, b.PixelsBelow(chart, "muted"), 20, "%s has labels", chart)
			assert.Equal(t, "1 Jan 2026|31 Mar 2026", pagetest.Eval[string](b, fmt.Sprintf(pagetest.Ends, chart)), "of its first and last day")
		}
		left := pagetest.Eval[[]float64](b, `[...document.querySelectorAll('#time ~ .chart .u-over')].map(e => e.getBoundingClientRect().left)`)
		assert.Equal(t, left[0], left[1], "days stand below days")
		b.Picture("quarter")
	})

	t.Run("a tooltip has the figures of the step", func(t *testing.T) {
		b := open(t, browser, year, "de")
		b.Hover("chart-participants", 0.5/12)
		l, _ := NewLanguage("de")
		january := year.Steps[0]
		b.Until("January", pagetest.Tip("chart-participants")+` === 'Januar 2026|Teilnehmende|`+l.Number(january.Participants)+`'`)
		b.Until("the other charts follow", pagetest.Tip("chart-conferences")+` === 'Januar 2026|Konferenzen|`+l.Number(january.Conferences)+`'`)
		b.Hover("chart-participants", 1.5/12)
		b.Until("February, not whole", pagetest.Tip("chart-participants")+`.endsWith('|Tage ohne Daten: 7|Tage mit unvollständigen Daten: 1')`)
		b.Until("the sizes follow", pagetest.Tip("chart-sizes")+`.startsWith('Februar 2026|2|')`)
		b.Picture("tooltip")
		b.Do(chromedp.MouseEvent(chromedp.MouseMoved, 1, 1))
		b.Until("it goes", `document.querySelector('.tip').hidden`)
	})

	t.Run("a gap is no zero", func(t *testing.T) {
		r := sample(day(2026, 2, 13), day(2026, 2, 18), ByDay, aWeekMissing)
		r.Steps[4].Figures = Figures{Known: 1}
		r.Days[4].Figures = Figures{Known: 1}
		b := open(t, browser, r, "en")
		b.Hover("chart-conferences", 2.5/6)
		b.Until("a day without a file", pagetest.Tip("chart-conferences")+` === '15 Feb 2026|no data'`)
		b.Hover("chart-conferences", 4.5/6)
		for chart, name := range map[string]string{"chart-conferences": "Conferences", "chart-participants": "Participants"} {
			b.Until("a day without a conference", pagetest.Tip(chart)+` === '17 Feb 2026|`+name+`|0'`)
			assert.Greater(t, b.Pixels(chart, "hatch"), 50)
			assert.Greater(t, b.Pixels(chart, "muted"), 100, "a zero is a line on the axis")
		}
		table := pagetest.Eval[string](b, `document.querySelector('.steps').innerText`)
		assert.Contains(t, table, "15 Feb 2026\tno data\n16 Feb 2026")
		assert.Contains(t, table, "17 Feb 2026\t0\t0\t0.0\t0.0\t0\n")
		b.Picture("gaps")
	})

	t.Run("arrow keys say the figures", func(t *testing.T) {
		b := open(t, browser, year, "no")
		b.Do(chromedp.Focus(chromedp.CSS("#chart-conferences")), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
		b.Until("February", `document.getElementById('said').textContent.startsWith('februar 2026, Konferanser ')`)
		b.Do(chromedp.KeyEvent(kb.End))
		b.Until("December", `document.getElementById('said').textContent.startsWith('desember 2026, Konferanser ')`)
	})

	t.Run("a series goes and comes", func(t *testing.T) {
		b := open(t, browser, quarter, "en")
		var drawn, less string
		const image = `document.querySelector('#chart-sizes canvas').toDataURL()`
		drawn = pagetest.Eval[string](b, image)
		b.Do(chromedp.Click(`//button[span="3–5"]`))
		b.Until("it is gone", `document.querySelector('#chart-sizes').previousElementSibling.querySelectorAll('[aria-pressed=false]').length === 1`)
		b.Until("the rest is drawn anew", image+` !== '`+drawn+`'`)
		assert.Zero(t, b.Pixels("chart-sizes", "s1"))
		assert.Greater(t, b.Pixels("chart-sizes", "s2"), 1000)
		less = pagetest.Eval[string](b, image)
		assert.NotEqual(t, drawn, less)
		b.Hover("chart-sizes", 0.1)
		b.Until("it is not in the tooltip", pagetest.Tip("chart-sizes")+`.startsWith('9 Jan 2026|2|') && !`+pagetest.Tip("chart-sizes")+`.includes('3–5')`)
		b.Do(chromedp.Click(`//button[span="3–5"]`))
		b.Until("as before", image+` === '`+drawn+`'`)
	})

	t.Run("a range is magnified by dragging", func(t *testing.T) {
		b := open(t, browser, quarter, "en")
		assert.True(t, pagetest.Eval[bool](b, `document.querySelector('.hint').checkVisibility()`))
		const image = `document.querySelector('#chart-conferences canvas').toDataURL()`
		drawn := pagetest.Eval[string](b, image)
		x0, y := b.At("chart-conferences", 0.105)
		x1, _ := b.At("chart-conferences", 0.295)
		b.Do(chromedp.MouseEvent(chromedp.MousePressed, x0, y, pagetest.LeftButton),
			chromedp.MouseEvent(chromedp.MouseMoved, x1, y, pagetest.LeftButton),
			chromedp.MouseEvent(chromedp.MouseReleased, x1, y, pagetest.LeftButton))
		b.Until("magnified", image+` !== '`+drawn+`'`)
		require.Equal(t, "10 Jan 2026|27 Jan 2026", pagetest.Eval[string](b, fmt.Sprintf(pagetest.Ends, "chart-participants")), "with its first and last day")
		b.Do(chromedp.MouseClickXY(x1, y, chromedp.ClickCount(2)))
		b.Until("all again", image+` === '`+drawn+`'`)
	})

	t.Run("bars and heat map have the figures", func(t *testing.T) {
		b := open(t, browser, year, "en")
		type bar struct{ N, Width float64 }
		bars := pagetest.Eval[[]bar](b, `[...document.querySelectorAll('.bars tbody tr')].map(row => ({
			n: Number(row.cells[1].innerText.replaceAll(',', '')), width: row.querySelector('rect').getBoundingClientRect().width / row.querySelector('svg').getBoundingClientRect().width }))`)
		require.Len(t, bars, len(SizeClasses)+len(recurrenceClasses))
		for _, table := range [][]bar{bars[:len(SizeClasses)], bars[len(SizeClasses):]} {
			most := slices.MaxFunc(table, func(a, b bar) int { return cmp.Compare(a.N, b.N) })
			for _, bar := range table {
				assert.InDelta(t, bar.N/most.N, bar.Width, 0.01)
			}
		}
		cells := pagetest.Eval[[]struct {
			Mean  float64
			Shade string
		}](b, `[...document.querySelectorAll('.map tbody td')].map(cell => ({ mean: Number(cell.innerText), shade: getComputedStyle(cell).backgroundColor }))`)
		require.Len(t, cells, 12*7)
		for _, a := range cells {
			for _, b := range cells {
				if a.Mean > b.Mean+3 { // more than a step
					assert.NotEqual(t, a.Shade, b.Shade, "%v and %v", a.Mean, b.Mean)
				}
			}
		}
		box := pagetest.Eval[struct{ X, Y float64 }](b, `(() => { const e = document.querySelector('.map [data-tip]'); e.scrollIntoView({ block: 'center' }); return e.getBoundingClientRect().toJSON(); })()`)
		b.Do(chromedp.MouseEvent(chromedp.MouseMoved, box.X+5, box.Y+5))
		b.Until("its days", `document.querySelector('.map ~ .tip:not([hidden])')?.innerText === 'Monday, January; Days with data: 4'`)
		tip := pagetest.Eval[struct{ X, Y float64 }](b, `document.querySelector('.map ~ .tip').getBoundingClientRect().toJSON()`)
		assert.InDelta(t, box.X, tip.X, 150, "beside the cell")
		assert.InDelta(t, box.Y, tip.Y, 50)
		assert.Contains(t, pagetest.Eval[string](b, `document.body.innerText`), "are network addresses, not people.")
	})

	t.Run("the charts follow the window", func(t *testing.T) {
		b := open(t, browser, year, "en")
		b.Do(chromedp.EmulateViewport(640, 900))
		b.Until("narrower", `[...document.querySelectorAll('canvas')].every(c => c.clientWidth === c.closest('.chart').clientWidth)`)
		assert.LessOrEqual(t, pagetest.Eval[int](b, `document.documentElement.scrollWidth`), 640)
	})

	t.Run("dark", func(t *testing.T) {
		b := open(t, browser, year, "en")
		light := pagetest.Eval[string](b, `getComputedStyle(document.body).backgroundColor`)
		columns := b.Pixels("chart-participants", "c1")
		b.Do(pagetest.Dark)
		b.Until("the page is dark", `getComputedStyle(document.body).backgroundColor !== '`+light+`'`)
		b.Until("the charts as well", fmt.Sprintf(pagetest.Pixels, "chart-participants", "c1")+fmt.Sprintf(` === %d`, columns))
		b.Picture("dark")
		assert.Empty(t, b.Faint())
	})

	t.Run("light has contrast", func(t *testing.T) {
		b := open(t, browser, year, "en")
		assert.Equal(t, []string{"index.html", "#months", "2026-01.html", "2025-12.html", "/privacy"},
			pagetest.Eval[[]string](b, `[...document.links].map(a => a.getAttribute('href'))`))
		assert.Empty(t, b.Faint())
	})

	t.Run("a phone scrolls one way", func(t *testing.T) {
		b := open(t, browser, year, "de", chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
		assert.Greater(t, b.Pixels("chart-participants", "c1"), 5000)
		assert.Equal(t, "none", pagetest.Eval[string](b, `getComputedStyle(document.querySelector('.hint')).display`), "a finger scrolls")
		b.Picture("phone")
		for _, lang := range []string{"de", "en", "no"} {
			b.Load(pageOf(t, year, lang))
			assert.LessOrEqual(t, pagetest.Eval[int](b, `document.documentElement.scrollWidth`), 360, lang)
		}
	})

	t.Run("paper is light", func(t *testing.T) {
		b := open(t, browser, year, "en", pagetest.Dark)
		pagetest.Eval[chromedp.Void](b, `addEventListener('beforeprint', () => queueMicrotask(() => {
			window.printed = { light: getComputedStyle(document.documentElement).getPropertyValue('--c1'),
				columns: `+fmt.Sprintf(pagetest.Pixels, "chart-participants", "c1")+`, width: document.querySelector('canvas').clientWidth };
		}))`)
		pdf, err := chromedp.Run(b.Ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "print.pdf"), pdf, 0o600))
		assert.True(t, bytes.HasPrefix(pdf, []byte("%PDF-")))
		assert.Greater(t, len(pdf), 50_000)
		printed := pagetest.Eval[struct {
			Light          string
			Columns, Width int
		}](b, `window.printed`)
		assert.Equal(t, "#4b929f", strings.TrimSpace(printed.Light))
		assert.Greater(t, printed.Columns, 5000)
		assert.LessOrEqual(t, printed.Width, 680)
		b.Until("the screen is dark again", `getComputedStyle(document.documentElement).getPropertyValue('--c1').trim() === '#4b93a3'`)
	})

	t.Run("a table is printed whole", func(t *testing.T) {
		b := open(t, browser, sample(day(2024, 1, 1), day(2026, 12, 31), ByDay, aWeekMissing), "de", chromedp.EmulateViewport(680, 900), pagetest.Printed)
		hidden := pagetest.Eval[struct{ Across, Down float64 }](b, `(() => {
			const box = document.querySelector('.scroll'), table = box.firstElementChild;
			return { across: table.scrollWidth - box.clientWidth, down: table.offsetHeight - box.clientHeight };
		})()`)
		assert.Zero(t, hidden)
		assert.NotContains(t, pagetest.Eval[string](b, `document.body.innerText`), "Übersicht", "no links to other pages on paper")
		assert.Equal(t, "none", pagetest.Eval[string](b, `getComputedStyle(document.querySelector('.hint')).display`))
	})

	t.Run("names are those of CLDR, which the browser has", func(t *testing.T) {
		b := &pagetest.Tab{T: t, Ctx: browser}
		for _, lang := range []string{"en", "de", "no"} {
			l, _ := NewLanguage(lang)
			months := pagetest.Eval[[]string](b, `[...Array(12).keys()].map(m => new Intl.DateTimeFormat('`+lang+`', { month: 'long', timeZone: 'UTC' }).format(Date.UTC(2026, m, 1)))`)
			weekdays := pagetest.Eval[[]string](b, `[...Array(7).keys()].map(d => new Intl.DateTimeFormat('`+lang+`', { weekday: 'long', timeZone: 'UTC' }).format(Date.UTC(2026, 10, 22 + d)))`)
			assert.Equal(t, months, l.months[:])
			assert.Equal(t, weekdays, l.weekdays[:])
		}
	})

	t.Run("any period", func(t *testing.T) {
		all := func(civil.Day) bool { return true }
		empty := sample(day(2026, 5, 1), day(2026, 5, 3), ByDay, noGap)
		empty.Recurring, empty.Total = nil, Figures{Known: 3}
		for i := range empty.Steps {
			empty.Steps[i].Figures, empty.Days[i].Figures = Figures{Known: 1}, Figures{Known: 1}
		}
		b := pagetest.Open(t, browser, pageOf(t, quarter, "en"))
		for name, r := range map[string]*Report{
			"one-day":             sample(day(2026, 2, 6), day(2026, 2, 6), ByDay, noGap),
			"three-days":          sample(day(2026, 2, 7), day(2026, 2, 9), ByDay, aWeekMissing),
			"no-file":             sample(day(2026, 2, 9), day(2026, 2, 15), ByDay, all),
			"no-conference":       empty,
			"a-year-by-week":      sample(day(2026, 1, 1), day(2026, 12, 31), ByWeek, aWeekMissing),
			"five-years-by-day":   sample(day(2022, 1, 1), day(2026, 12, 31), ByDay, aWeekMissing),
			"five-years-by-month": sample(day(2022, 1, 1), day(2026, 12, 31), ByMonth, aWeekMissing),
			"forty-years":         sample(day(1987, 1, 1), day(2026, 12, 31), ByYear, aWeekMissing),
		} {
			b.Load(pageOf(t, r, "en"))
			if name == "one-day" || name == "no-file" {
				b.Picture(name)
			}
			assert.Equal(t, r.Total.Conferences > 0, b.Pixels("chart-participants", "c1") > 0, name)
			if r.Total.Known == 0 {
				assert.Equal(t, "–", pagetest.Eval[string](b, `document.querySelector('.f0 dd').textContent`))
			}
		}
	})

	t.Run("the README's command makes the page of its picture", func(t *testing.T) {
		readme, err := os.ReadFile("../../README.md")
		require.NoError(t, err)
		command := regexp.MustCompile(`(?m)^    hushpipe (report .*--html )(\S+)(.*)$`).FindSubmatch(readme)
		require.NotNil(t, command)
		file := filepath.Join(t.TempDir(), "report.html")
		run := exec.Command("sh", "-c", "go run ./cmd/hushpipe "+string(command[1])+file+string(command[3]))
		run.Dir = "../.."
		run.Env = append(os.Environ(), "LC_ALL=C")
		out, err := run.CombinedOutput()
		require.NoError(t, err, "%s", out)
		text, err := os.ReadFile(file)
		require.NoError(t, err)
		b := pagetest.Open(t, browser, text, chromedp.EmulateViewport(1100, 1560))
		shown, err := chromedp.Run(b.Ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "readme.png"), shown, 0o600))

		const picture = "testdata/report.png"
		require.Contains(t, string(readme), "](format/report/"+picture+")")
		if *update {
			require.NoError(t, os.WriteFile(picture, shown, 0o644))
		}
		kept, err := os.ReadFile(picture)
		require.NoError(t, err)
		assert.Less(t, pagetest.Difference(t, shown, kept), 0.02, "the page has changed: go test ./format/report -run Page -update")
	})

	t.Run("the policy lets nothing in or out", func(t *testing.T) {
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		defer server.Close()
		b := pagetest.OpenQuietly(t, browser, bytes.Replace(pageOf(t, year, "en"), []byte("<header>"), []byte(`<header><script>window.injected = true</script>
			<img src="`+server.URL+`" onerror="window.injected = true"><b id="styled" style="color: red">x</b>`), 1))
		assert.Equal(t, "no", pagetest.Eval[string](b, `window.injected ? 'yes' : 'no'`))
		assert.NotEqual(t, "rgb(255, 0, 0)", pagetest.Eval[string](b, `getComputedStyle(document.getElementById('styled')).color`))
		assert.Zero(t, asked.Load())
		assert.GreaterOrEqual(t, len(b.Complaints()), 4, "each is reported")
	})
}

// The data of the page are JSON, whatever they contain, and end no script.
func TestPageData(t *testing.T) {
	r := sample(day(2026, 2, 1), day(2026, 2, 20), ByDay, aWeekMissing)
	_, rest, ok := strings.Cut(string(pageOf(t, r, "de")), `<script id="data" type="application/json">`)
	require.True(t, ok)
	blob, _, ok := strings.Cut(rest, "</script>")
	require.True(t, ok)
	var data design.Charts
	require.NoError(t, json.Unmarshal([]byte(blob), &data))
	assert.Equal(t, [][2]int{{int(day(2026, 2, 9)), int(day(2026, 2, 16))}}, data.Gaps)
	assert.Len(t, data.Steps, 20)
	assert.False(t, data.Steps[8].Known)
	assert.Nil(t, data.Charts[0].Series[0].Values[8])
	assert.Equal(t, r.Steps[0].Conferences, *data.Charts[0].Series[0].Values[0])
}
