package report

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"flag"
	"fmt"
	"hushpipe/format/civil"
	"image"
	"image/png"
	"math"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var update = flag.Bool("update", false, "write the README's picture of a report")

// patience is for a machine under load; nothing waits that long when all is well.
const patience = 2 * time.Minute

// chromium starts a browser that ends with the test.
func chromium(t *testing.T) context.Context {
	t.Helper()
	path, err := exec.LookPath("chromium")
	if err != nil && testing.Short() && os.Getenv("CI") != "true" {
		t.Skip("chromium is missing, and -short does without it")
	}
	require.NoError(t, err, "apt-get install chromium")

	options := append(chromedp.DefaultExecAllocatorOptions[:],
		chromedp.ExecPath(path),
		chromedp.NoSandbox, // Chromium's does not run as root
		chromedp.UserDataDir(t.TempDir()),
		chromedp.WSURLReadTimeout(patience),
		chromedp.Flag("hide-scrollbars", true), // as on a phone: they take no room
		chromedp.Flag("lang", "en"),
		chromedp.Flag("disable-accelerated-2d-canvas", true), // pixels are read
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	t.Cleanup(func() { assert.NoError(t, chromedp.Cancel(ctx)) })
	return ctx
}

type action = chromedp.Action[chromedp.Void]

// tab shows pages and hears what they ask for and complain about.
type tab struct {
	*testing.T
	ctx   context.Context
	files []string // of the pages

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// open shows a report on a screen of 1100 by 900, and fails at the end if the
// page asked for anything or the console has a word.
func open(t *testing.T, browser context.Context, r *Report, lang string, first ...action) *tab {
	t.Helper()
	return openFile(t, browser, pageOf(t, r, lang), first...)
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

func openFile(t *testing.T, browser context.Context, text []byte, first ...action) *tab {
	t.Helper()
	b := openQuietly(t, browser, text, first...)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		assert.Equal(t, b.files, b.requests, "nothing but the page itself is asked for")
		assert.Empty(t, b.complaints, "console")
	})
	return b
}

func openQuietly(t *testing.T, browser context.Context, text []byte, first ...action) *tab {
	t.Helper()
	b := &tab{T: t}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b.ctx = ctx
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		b.mu.Lock()
		defer b.mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "data:") {
				b.requests = append(b.requests, e.Request.URL)
			}
		case *log.EventEntryAdded:
			b.complaints = append(b.complaints, e.Entry.Text)
		case *runtime.EventExceptionThrown:
			b.complaints = append(b.complaints, e.ExceptionDetails.Text)
		case *runtime.EventConsoleAPICalled:
			b.complaints = append(b.complaints, string(e.Type))
		}
	}))
	b.do(chromedp.EmulateViewport(1100, 900))
	b.do(first...)
	b.load(text)
	return b
}

// load shows another page.
func (b *tab) load(text []byte) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "report.html")
	require.NoError(b, os.WriteFile(file, text, 0o600))
	b.files = append(b.files, "file://"+file)
	b.do(chromedp.Navigate("file://" + file))
	b.until("the charts are drawn", `document.querySelectorAll('canvas').length === 3`)
}

func (b *tab) do(actions ...action) {
	b.Helper()
	require.NoError(b, chromedp.Do(b.ctx, actions...))
}

// eval returns the value of an expression of JavaScript.
func eval[V any](b *tab, expression string) V {
	b.Helper()
	v, err := chromedp.Run(b.ctx, chromedp.Evaluate[V](expression))
	require.NoError(b, err)
	return v
}

// until asks in the page, since chromedp.Poll needs eval, which the page's
// policy forbids.
func (b *tab) until(what, condition string) {
	b.Helper()
	require.Eventually(b, func() bool {
		ok, err := chromedp.Run(b.ctx, chromedp.Evaluate[bool](condition))
		return err == nil && ok
	}, patience, 10*time.Millisecond, what)
}

// picture keeps a screenshot of the whole page, for go test -artifacts.
func (b *tab) picture(name string) {
	b.Helper()
	text, err := chromedp.Run(b.ctx, chromedp.FullScreenshot(100))
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(b.ArtifactDir(), name+".png"), text, 0o600))
}

// pixels counts those of a chart that have the colour of a custom property.
func (b *tab) pixels(chart, property string) int {
	b.Helper()
	return eval[int](b, fmt.Sprintf(pixels, chart, property))
}

// pixelsBelow is pixels of the part below the columns, where the labels are.
func (b *tab) pixelsBelow(chart, property string) int {
	b.Helper()
	return eval[int](b, fmt.Sprintf(strings.Replace(pixels, "i = 0;", `i = 4 * canvas.width * Math.round(
    (document.querySelector('#%[1]s .u-over').offsetTop + document.querySelector('#%[1]s .u-over').offsetHeight + 4) * devicePixelRatio);`, 1), chart, property))
}

const pixels = `(() => {
  const canvas = document.querySelector('#%[1]s canvas');
  const hex = getComputedStyle(document.documentElement).getPropertyValue('--%[2]s').trim();
  const rgb = [1, 3, 5].map(i => parseInt(hex.slice(i, i + 2), 16));
  const copy = new OffscreenCanvas(canvas.width, canvas.height).getContext('2d', { willReadFrequently: true });
  copy.drawImage(canvas, 0, 0);
  const { data } = copy.getImageData(0, 0, canvas.width, canvas.height);
  let n = 0;
  for (let i = 0; i < data.length; i += 4) n += rgb.every((v, k) => data[i + k] === v) && data[i + 3] === 255;
  return n;
})()`

// hover moves the mouse over a chart, to a part of its width.
func (b *tab) hover(chart string, part float64) {
	b.Helper()
	x, y := b.at(chart, part)
	b.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

func (b *tab) at(chart string, part float64) (x, y float64) {
	b.Helper()
	box := eval[struct{ X, Y, Width, Height float64 }](b, fmt.Sprintf(`(() => { const e = document.querySelector('#%s .u-over'); e.scrollIntoView({ block: 'center' }); return e.getBoundingClientRect().toJSON(); })()`, chart))
	return box.X + part*box.Width, box.Y + box.Height/2
}

// tip is what the tooltip of a chart says.
func tip(chart string) string {
	return `document.querySelector('#` + chart + ` .tip').innerText.replaceAll('\n', '|')`
}

// ends is the first and the last day that a chart shows.
const ends = `[...document.querySelectorAll('#%s .ends span')].map(e => e.textContent).join('|')`

// made is the day of the pages.
var made = civil.NewDay(2026, 11, 28)

func day(year, month, mday int) civil.Day { return civil.NewDay(year, month, mday) }

// aWeekMissing is a gap for sample.
func aWeekMissing(d civil.Day) bool { return d >= day(2026, 2, 9) && d <= day(2026, 2, 15) }

func noGap(civil.Day) bool { return false }

func TestPageInABrowser(t *testing.T) {
	browser := chromium(t)
	quarter := sample(day(2026, 1, 1), day(2026, 3, 31), ByDay, aWeekMissing)
	year := sample(day(2026, 1, 1), day(2026, 12, 31), ByMonth, aWeekMissing)
	year.Steps[1].Partial, year.Total.Partial = 1, 1

	t.Run("the charts are drawn", func(t *testing.T) {
		b := open(t, browser, quarter, "en")
		for chart, properties := range map[string][]string{
			"chart-conferences":  {"conferences"},
			"chart-participants": {"participants"},
			"chart-sizes":        {"s0", "s1", "s2", "s3"},
		} {
			for _, p := range properties {
				assert.Greater(t, b.pixels(chart, p), 500, "%s %s", chart, p)
			}
			assert.Greater(t, b.pixelsBelow(chart, "muted"), 20, "%s has labels", chart)
			assert.Equal(t, "1 Jan 2026|31 Mar 2026", eval[string](b, fmt.Sprintf(ends, chart)), "of its first and last day")
		}
		left := eval[[]float64](b, `[...document.querySelectorAll('#time ~ .chart .u-over')].map(e => e.getBoundingClientRect().left)`)
		assert.Equal(t, left[0], left[1], "days stand below days")
		b.picture("quarter")
	})

	t.Run("a tooltip has the figures of the step", func(t *testing.T) {
		b := open(t, browser, year, "de")
		b.hover("chart-participants", 0.5/12)
		l, _ := NewLanguage("de")
		january := year.Steps[0]
		b.until("January", tip("chart-participants")+` === 'Januar 2026|Teilnehmende|`+l.Number(january.Participants)+`'`)
		b.until("the other charts follow", tip("chart-conferences")+` === 'Januar 2026|Konferenzen|`+l.Number(january.Conferences)+`'`)
		b.hover("chart-participants", 1.5/12)
		b.until("February, not whole", tip("chart-participants")+`.endsWith('|Tage ohne Daten: 7|Tage mit unvollständigen Daten: 1')`)
		b.until("the sizes follow", tip("chart-sizes")+`.startsWith('Februar 2026|2|')`)
		b.picture("tooltip")
		b.do(chromedp.MouseEvent(chromedp.MouseMoved, 1, 1))
		b.until("it goes", `document.querySelector('.tip').hidden`)
	})

	t.Run("a gap is no zero", func(t *testing.T) {
		r := sample(day(2026, 2, 13), day(2026, 2, 18), ByDay, aWeekMissing)
		r.Steps[4].Figures = Figures{Known: 1}
		r.Days[4].Figures = Figures{Known: 1}
		b := open(t, browser, r, "en")
		b.hover("chart-conferences", 2.5/6)
		b.until("a day without a file", tip("chart-conferences")+` === '15 Feb 2026|no data'`)
		b.hover("chart-conferences", 4.5/6)
		for chart, name := range map[string]string{"chart-conferences": "Conferences", "chart-participants": "Participants"} {
			b.until("a day without a conference", tip(chart)+` === '17 Feb 2026|`+name+`|0'`)
			assert.Greater(t, b.pixels(chart, "hatch"), 50)
			assert.Greater(t, b.pixels(chart, "muted"), 100, "a zero is a line on the axis")
		}
		table := eval[string](b, `document.querySelector('.steps').innerText`)
		assert.Contains(t, table, "15 Feb 2026\tno data\n16 Feb 2026")
		assert.Contains(t, table, "17 Feb 2026\t0\t0\t0.0\t0.0\t0\n")
		b.picture("gaps")
	})

	t.Run("arrow keys say the figures", func(t *testing.T) {
		b := open(t, browser, year, "no")
		b.do(chromedp.Focus(chromedp.CSS("#chart-conferences")), chromedp.KeyEvent(kb.ArrowRight), chromedp.KeyEvent(kb.ArrowRight))
		b.until("February", `document.getElementById('said').textContent.startsWith('februar 2026, Konferanser ')`)
		b.do(chromedp.KeyEvent(kb.End))
		b.until("December", `document.getElementById('said').textContent.startsWith('desember 2026, Konferanser ')`)
	})

	t.Run("a series goes and comes", func(t *testing.T) {
		b := open(t, browser, quarter, "en")
		var drawn, less string
		const image = `document.querySelector('#chart-sizes canvas').toDataURL()`
		drawn = eval[string](b, image)
		b.do(chromedp.Click(`//button[span="3–5"]`))
		b.until("it is gone", `document.querySelector('#chart-sizes').previousElementSibling.querySelectorAll('[aria-pressed=false]').length === 1`)
		b.until("the rest is drawn anew", image+` !== '`+drawn+`'`)
		assert.Zero(t, b.pixels("chart-sizes", "s1"))
		assert.Greater(t, b.pixels("chart-sizes", "s2"), 1000)
		less = eval[string](b, image)
		assert.NotEqual(t, drawn, less)
		b.hover("chart-sizes", 0.1)
		b.until("it is not in the tooltip", tip("chart-sizes")+`.startsWith('9 Jan 2026|2|') && !`+tip("chart-sizes")+`.includes('3–5')`)
		b.do(chromedp.Click(`//button[span="3–5"]`))
		b.until("as before", image+` === '`+drawn+`'`)
	})

	t.Run("a range is magnified by dragging", func(t *testing.T) {
		b := open(t, browser, quarter, "en")
		assert.True(t, eval[bool](b, `document.querySelector('.hint').checkVisibility()`))
		const image = `document.querySelector('#chart-conferences canvas').toDataURL()`
		drawn := eval[string](b, image)
		x0, y := b.at("chart-conferences", 0.105)
		x1, _ := b.at("chart-conferences", 0.295)
		b.do(chromedp.MouseEvent(chromedp.MousePressed, x0, y, leftButton),
			chromedp.MouseEvent(chromedp.MouseMoved, x1, y, leftButton),
			chromedp.MouseEvent(chromedp.MouseReleased, x1, y, leftButton))
		b.until("magnified", image+` !== '`+drawn+`'`)
		require.Equal(t, "10 Jan 2026|27 Jan 2026", eval[string](b, fmt.Sprintf(ends, "chart-participants")), "with its first and last day")
		b.do(chromedp.MouseClickXY(x1, y, chromedp.ClickCount(2)))
		b.until("all again", image+` === '`+drawn+`'`)
	})

	t.Run("bars and heat map have the figures", func(t *testing.T) {
		b := open(t, browser, year, "en")
		type bar struct{ N, Width float64 }
		bars := eval[[]bar](b, `[...document.querySelectorAll('.bars tbody tr')].map(row => ({
			n: Number(row.cells[1].innerText.replaceAll(',', '')), width: row.querySelector('rect').getBoundingClientRect().width / row.querySelector('svg').getBoundingClientRect().width }))`)
		require.Len(t, bars, len(SizeClasses)+len(recurrenceClasses))
		for _, table := range [][]bar{bars[:len(SizeClasses)], bars[len(SizeClasses):]} {
			most := slices.MaxFunc(table, func(a, b bar) int { return cmp.Compare(a.N, b.N) })
			for _, bar := range table {
				assert.InDelta(t, bar.N/most.N, bar.Width, 0.01)
			}
		}
		cells := eval[[]struct {
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
		box := eval[struct{ X, Y float64 }](b, `(() => { const e = document.querySelector('.map [data-tip]'); e.scrollIntoView({ block: 'center' }); return e.getBoundingClientRect().toJSON(); })()`)
		b.do(chromedp.MouseEvent(chromedp.MouseMoved, box.X+5, box.Y+5))
		b.until("its days", `document.querySelector('.map ~ .tip:not([hidden])')?.innerText === 'Monday, January; Days with data: 4'`)
		tip := eval[struct{ X, Y float64 }](b, `document.querySelector('.map ~ .tip').getBoundingClientRect().toJSON()`)
		assert.InDelta(t, box.X, tip.X, 150, "beside the cell")
		assert.InDelta(t, box.Y, tip.Y, 50)
		assert.Contains(t, eval[string](b, `document.body.innerText`), "are network addresses, not people.")
	})

	t.Run("the charts follow the window", func(t *testing.T) {
		b := open(t, browser, year, "en")
		b.do(chromedp.EmulateViewport(640, 900))
		b.until("narrower", `[...document.querySelectorAll('canvas')].every(c => c.clientWidth === c.closest('.chart').clientWidth)`)
		assert.LessOrEqual(t, eval[int](b, `document.documentElement.scrollWidth`), 640)
	})

	t.Run("dark", func(t *testing.T) {
		b := open(t, browser, year, "en")
		light := eval[string](b, `getComputedStyle(document.body).backgroundColor`)
		columns := b.pixels("chart-participants", "participants")
		b.do(dark)
		b.until("the page is dark", `getComputedStyle(document.body).backgroundColor !== '`+light+`'`)
		b.until("the charts as well", fmt.Sprintf(pixels, "chart-participants", "participants")+fmt.Sprintf(` === %d`, columns))
		b.picture("dark")
		assert.Empty(t, b.faint())
	})

	t.Run("light has contrast", func(t *testing.T) {
		b := open(t, browser, year, "en")
		assert.Equal(t, []string{"index.html", "#months", "2026-01.html", "2025-12.html", "/privacy"},
			eval[[]string](b, `[...document.links].map(a => a.getAttribute('href'))`))
		assert.Empty(t, b.faint())
	})

	t.Run("a phone scrolls one way", func(t *testing.T) {
		b := open(t, browser, year, "de", chromedp.EmulateViewport(360, 740, chromedp.EmulateScale(2), chromedp.EmulateMobile))
		assert.Greater(t, b.pixels("chart-participants", "participants"), 5000)
		assert.Equal(t, "none", eval[string](b, `getComputedStyle(document.querySelector('.hint')).display`), "a finger scrolls")
		b.picture("phone")
		for _, lang := range []string{"de", "en", "no"} {
			b.load(pageOf(t, year, lang))
			assert.LessOrEqual(t, eval[int](b, `document.documentElement.scrollWidth`), 360, lang)
		}
	})

	t.Run("paper is light", func(t *testing.T) {
		b := open(t, browser, year, "en", dark)
		eval[chromedp.Void](b, `addEventListener('beforeprint', () => queueMicrotask(() => {
			window.printed = { light: getComputedStyle(document.documentElement).getPropertyValue('--participants'),
				columns: `+fmt.Sprintf(pixels, "chart-participants", "participants")+`, width: document.querySelector('canvas').clientWidth };
		}))`)
		pdf, err := chromedp.Run(b.ctx, chromedp.PrintToPDF(chromedp.PDFPaper(chromedp.PaperA4), chromedp.PDFPrintBackground()))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "print.pdf"), pdf, 0o600))
		assert.True(t, bytes.HasPrefix(pdf, []byte("%PDF-")))
		assert.Greater(t, len(pdf), 50_000)
		printed := eval[struct {
			Light          string
			Columns, Width int
		}](b, `window.printed`)
		assert.Equal(t, "#4b929f", strings.TrimSpace(printed.Light))
		assert.Greater(t, printed.Columns, 5000)
		assert.LessOrEqual(t, printed.Width, 680)
		b.until("the screen is dark again", `getComputedStyle(document.documentElement).getPropertyValue('--participants').trim() === '#4b93a3'`)
	})

	t.Run("a table is printed whole", func(t *testing.T) {
		b := open(t, browser, sample(day(2024, 1, 1), day(2026, 12, 31), ByDay, aWeekMissing), "de", chromedp.EmulateViewport(680, 900), printed)
		hidden := eval[struct{ Across, Down float64 }](b, `(() => {
			const box = document.querySelector('.scroll'), table = box.firstElementChild;
			return { across: table.scrollWidth - box.clientWidth, down: table.offsetHeight - box.clientHeight };
		})()`)
		assert.Zero(t, hidden)
		assert.NotContains(t, eval[string](b, `document.body.innerText`), "Übersicht", "no links to other pages on paper")
		assert.Equal(t, "none", eval[string](b, `getComputedStyle(document.querySelector('.hint')).display`))
	})

	t.Run("names are those of CLDR, which the browser has", func(t *testing.T) {
		b := &tab{T: t, ctx: browser}
		for _, lang := range []string{"en", "de", "no"} {
			l, _ := NewLanguage(lang)
			months := eval[[]string](b, `[...Array(12).keys()].map(m => new Intl.DateTimeFormat('`+lang+`', { month: 'long', timeZone: 'UTC' }).format(Date.UTC(2026, m, 1)))`)
			weekdays := eval[[]string](b, `[...Array(7).keys()].map(d => new Intl.DateTimeFormat('`+lang+`', { weekday: 'long', timeZone: 'UTC' }).format(Date.UTC(2026, 10, 22 + d)))`)
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
		b := openFile(t, browser, pageOf(t, quarter, "en"))
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
			b.load(pageOf(t, r, "en"))
			if name == "one-day" || name == "no-file" {
				b.picture(name)
			}
			assert.Equal(t, r.Total.Conferences > 0, b.pixels("chart-participants", "participants") > 0, name)
			if r.Total.Known == 0 {
				assert.Equal(t, "–", eval[string](b, `document.querySelector('.conferences dd').textContent`))
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
		b := openFile(t, browser, text, chromedp.EmulateViewport(1100, 1560))
		shown, err := chromedp.Run(b.ctx, chromedp.CaptureScreenshot())
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), "readme.png"), shown, 0o600))

		const picture = "testdata/report.png"
		require.Contains(t, string(readme), "](format/report/"+picture+")")
		if *update {
			require.NoError(t, os.WriteFile(picture, shown, 0o644))
		}
		kept, err := os.ReadFile(picture)
		require.NoError(t, err)
		assert.Less(t, difference(t, shown, kept), 0.02, "the page has changed: go test ./format/report -run Page -update")
	})

	t.Run("the policy lets nothing in or out", func(t *testing.T) {
		var asked atomic.Int32
		server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked.Add(1) }))
		defer server.Close()
		b := openQuietly(t, browser, bytes.Replace(pageOf(t, year, "en"), []byte("<header>"), []byte(`<header><script>window.injected = true</script>
			<img src="`+server.URL+`" onerror="window.injected = true"><b id="styled" style="color: red">x</b>`), 1))
		assert.Equal(t, "no", eval[string](b, `window.injected ? 'yes' : 'no'`))
		assert.NotEqual(t, "rgb(255, 0, 0)", eval[string](b, `getComputedStyle(document.getElementById('styled')).color`))
		assert.Zero(t, asked.Load())
		b.mu.Lock()
		defer b.mu.Unlock()
		assert.GreaterOrEqual(t, len(b.complaints), 4, "each is reported")
	})
}

// difference is the mean one of two pictures, 0…1, in squares of 20 pixels: the
// fonts' hinting is no part of the page.
func difference(t *testing.T, a, b []byte) float64 {
	t.Helper()
	var pictures [2]image.Image
	for i, text := range [][]byte{a, b} {
		p, err := png.Decode(bytes.NewReader(text))
		require.NoError(t, err)
		pictures[i] = p
	}
	bounds := pictures[0].Bounds()
	if bounds != pictures[1].Bounds() {
		return 1
	}
	const square = 20
	mean := func(p image.Image, x0, y0 int) (sum float64) {
		for y := y0; y < y0+square; y++ {
			for x := x0; x < x0+square; x++ {
				r, g, b, _ := p.At(x, y).RGBA()
				sum += float64(r+g+b) / (3 * 0xffff * square * square)
			}
		}
		return sum
	}
	sum, n := 0.0, 0.0
	for y := 0; y+square <= bounds.Dy(); y += square {
		for x := 0; x+square <= bounds.Dx(); x += square {
			sum += math.Abs(mean(pictures[0], x, y) - mean(pictures[1], x, y))
			n++
		}
	}
	return sum / n
}

// dark is what a reader asks for who prefers it.
var dark = emulated(emulation.SetEmulatedMediaParams{
	Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})

// printed shows what would be printed.
var printed = emulated(emulation.SetEmulatedMediaParams{Media: "print"})

func emulated(media emulation.SetEmulatedMediaParams) action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	})
}

// leftButton is held down.
func leftButton(p *input.DispatchMouseEventParams) { p.Button, p.ClickCount = input.MouseButtonLeft, 1 }

// faint returns the texts with less contrast than 4.5 to 1, as in
// https://www.w3.org/TR/WCAG22/#contrast-minimum.
func (b *tab) faint() []string {
	b.Helper()
	return eval[[]string](b, `(() => {
  const rgb = text => text.match(/[\d.]+/g).map(Number);
  const light = c => [0.2126, 0.7152, 0.0722].reduce((sum, w, i) => sum + w * ((v => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4)(c[i] / 255)), 0);
  const ground = e => { for (; e; e = e.parentElement) { const c = rgb(getComputedStyle(e).backgroundColor); if (c.length === 3 || c[3] === 1) return c; } return [255, 255, 255]; };
  const texts = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const faint = [];
  while (texts.nextNode()) {
    const e = texts.currentNode.parentElement, text = texts.currentNode.textContent.trim();
    if (!text || !e.checkVisibility() || e.closest('.hidden, script')) continue;
    const [a, b] = [light(rgb(getComputedStyle(e).color)), light(ground(e))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) faint.push(text);
  }
  return faint;
})()`)
}

// The data of the page is JSON whatever is in it, and ends no script.
func TestPageData(t *testing.T) {
	r := sample(day(2026, 2, 1), day(2026, 2, 20), ByDay, aWeekMissing)
	_, rest, ok := strings.Cut(string(pageOf(t, r, "de")), `<script id="data" type="application/json">`)
	require.True(t, ok)
	blob, _, ok := strings.Cut(rest, "</script>")
	require.True(t, ok)
	var data pageData
	require.NoError(t, json.Unmarshal([]byte(blob), &data))
	assert.Equal(t, [][2]int{{int(day(2026, 2, 9)), int(day(2026, 2, 16))}}, data.Gaps)
	assert.Len(t, data.Steps, 20)
	assert.Nil(t, data.Steps[8].Conferences)
	assert.Equal(t, r.Steps[0].Conferences, *data.Steps[0].Conferences)
}
