// Package pagetest drives a real browser for the tests of pages.
package pagetest

import (
	"bytes"
	"context"
	"fmt"
	"image"
	"image/png"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// patience is long enough for a machine under load; no wait takes that long unless something
// fails.
const patience = 2 * time.Minute

// Chromium starts a browser that ends with the test.
func Chromium(t *testing.T) context.Context {
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

// Action is a step of the browser.
type Action = chromedp.Action[chromedp.Void]

// Tab shows pages and records their requests and console messages.
type Tab struct {
	*testing.T
	Ctx   context.Context
	files []string // of the pages

	mu         sync.Mutex
	requests   []string
	complaints []string
}

// Open shows a page on a screen of 1100 by 900. The test fails at the end if the page requested
// anything or wrote to the console.
func Open(t *testing.T, browser context.Context, text []byte, first ...Action) *Tab {
	t.Helper()
	b := OpenQuietly(t, browser, text, first...)
	t.Cleanup(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		assert.Equal(t, b.files, b.requests, "nothing but the page itself is asked for")
		assert.Empty(t, b.complaints, "console")
	})
	return b
}

// OpenQuietly is Open without these checks.
func OpenQuietly(t *testing.T, browser context.Context, text []byte, first ...Action) *Tab {
	t.Helper()
	b := &Tab{T: t}
	ctx, cancel := chromedp.NewContext(browser)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	b.Ctx = ctx
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
	b.Do(chromedp.EmulateViewport(1100, 900))
	b.Do(first...)
	b.Load(text)
	return b
}

// Load shows another page.
func (b *Tab) Load(text []byte) {
	b.Helper()
	file := filepath.Join(b.TempDir(), "report.html")
	require.NoError(b, os.WriteFile(file, text, 0o600))
	b.files = append(b.files, "file://"+file)
	b.Do(chromedp.Navigate("file://" + file))
	b.Until("the charts are drawn", `document.querySelectorAll('canvas').length === document.querySelectorAll('.chart').length`)
}

// Do runs actions in the browser.
func (b *Tab) Do(actions ...Action) {
	b.Helper()
	require.NoError(b, chromedp.Do(b.Ctx, actions...))
}

// Eval returns the value of a JavaScript expression.
func Eval[V any](b *Tab, expression string) V {
	b.Helper()
	v, err := chromedp.Run(b.Ctx, chromedp.Evaluate[V](expression))
	require.NoError(b, err)
	return v
}

// Until polls within the page, since chromedp.Poll needs eval, which the page's policy forbids.
func (b *Tab) Until(what, condition string) {
	b.Helper()
	require.Eventually(b, func() bool {
		ok, err := chromedp.Run(b.Ctx, chromedp.Evaluate[bool](condition))
		return err == nil && ok
	}, patience, 10*time.Millisecond, what)
}

// Picture keeps a screenshot of the whole page, for go test -artifacts.
func (b *Tab) Picture(name string) {
	b.Helper()
	text, err := chromedp.Run(b.Ctx, chromedp.FullScreenshot(100))
	require.NoError(b, err)
	require.NoError(b, os.WriteFile(filepath.Join(b.ArtifactDir(), name+".png"), text, 0o600))
}

// Pixels counts the pixels of a chart with the colour of a custom property.
func (b *Tab) Pixels(chart, property string) int {
	b.Helper()
	return Eval[int](b, fmt.Sprintf(Pixels, chart, property))
}

// PixelsBelow is Pixels for the part below the columns, where the labels are.
func (b *Tab) PixelsBelow(chart, property string) int {
	b.Helper()
	return Eval[int](b, fmt.Sprintf(strings.Replace(Pixels, "i = 0;", `i = 4 * canvas.width * Math.round(
    (document.querySelector('#%[1]s .u-over').offsetTop + document.querySelector('#%[1]s .u-over').offsetHeight + 4) * devicePixelRatio);`, 1), chart, property))
}

// Pixels is the format of an expression that counts the pixels of a chart with the colour of a
// custom property: the ID of the chart, and the name of the property.
const Pixels = `(() => {
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

// Hover moves the mouse to a point of a chart, given as a part of its width.
func (b *Tab) Hover(chart string, part float64) {
	b.Helper()
	x, y := b.At(chart, part)
	b.Do(chromedp.MouseEvent(chromedp.MouseMoved, x, y))
}

// At returns the position on the screen of a point of a chart, given as a part of its width.
func (b *Tab) At(chart string, part float64) (x, y float64) {
	b.Helper()
	box := Eval[struct{ X, Y, Width, Height float64 }](b, fmt.Sprintf(`(() => { const e = document.querySelector('#%s .u-over'); e.scrollIntoView({ block: 'center' }); return e.getBoundingClientRect().toJSON(); })()`, chart))
	return box.X + part*box.Width, box.Y + box.Height/2
}

// Tip returns an expression for the text of a chart's tooltip.
func Tip(chart string) string {
	return `document.querySelector('#` + chart + ` .tip').innerText.replaceAll('\n', '|')`
}

// Ends is the format of an expression for the first and the last day that a chart shows.
const Ends = `[...document.querySelectorAll('#%s .ends span')].map(e => e.textContent).join('|')`

// Difference returns the mean difference of two pictures, 0…1, over squares of 20 pixels, which
// hide the hinting of fonts.
func Difference(t *testing.T, a, b []byte) float64 {
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

// Dark emulates a reader who prefers dark colours.
var Dark = emulated(emulation.SetEmulatedMediaParams{
	Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: "dark"}}})

// Printed emulates print.
var Printed = emulated(emulation.SetEmulatedMediaParams{Media: "print"})

// Shown emulates a screen with light colours again.
var Shown = emulated(emulation.SetEmulatedMediaParams{})

func emulated(media emulation.SetEmulatedMediaParams) Action {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, media)
		return err
	})
}

// LeftButton holds the left button down.
func LeftButton(p *input.DispatchMouseEventParams) { p.Button, p.ClickCount = input.MouseButtonLeft, 1 }

// Faint returns the texts whose contrast is below 4.5 to 1, as in
// https://www.w3.org/TR/WCAG22/#contrast-minimum.
func (b *Tab) Faint() []string {
	b.Helper()
	return Eval[[]string](b, `(() => {
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

// Complaints returns the console messages so far.
func (b *Tab) Complaints() []string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return slices.Clone(b.complaints)
}
