package statement_test

import (
	"bytes"
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	design "hushpipe/format/page"
	"hushpipe/format/policy"
	"hushpipe/format/report"
	"hushpipe/format/statement"
)

// patience is for a machine under load; nothing waits that long when all is well.
const patience = 2 * time.Minute

// hostile is a text that is code in a page where it is not escaped.
const hostile = `<script>document.title='x'</script>`

// sample is a notice with a blank, a table, and words that are long.
var sample = []statement.Claim{
	statement.Notice{Key: "controller", Text: policy.Text{"": hostile}},
	statement.Notice{Key: "contact"},
	statement.Notice{Key: "transfer"},
	statement.Running{Digest: strings.Repeat("0123456789abcdef", 4)},
	statement.Input{Format: strings.Repeat("%{A-rather-long-header}i", 8)},
	statement.Purpose{InStream: "web", Text: policy.Text{"": "finding faults"}},
	statement.Basis{InStream: "web", Text: policy.Text{"": "GDPR 6(1)(f)"}},
	statement.Lines{InStream: "web", Where: policy.Condition{URLs: []string{"/" + strings.Repeat("a-long-path/", 9)}}},
	statement.Fields{InStream: "web", List: []statement.Field{
		{Name: "client", Treatment: policy.Treatment{Kind: policy.Ipcrypt}},
		{Name: "%{" + strings.Repeat("long_name_", 8) + "}C", Other: true, Treatment: policy.Treatment{Kind: policy.Hash}},
	}},
	statement.Keys{InStream: "web", Client: policy.Ipcrypt, Lines: true},
	statement.Rights{Lines: true, ByAddress: true, FromBrowser: true},
}

func page(t *testing.T, lang string) []byte {
	t.Helper()
	l, err := report.NewLanguage(lang)
	require.NoError(t, err)
	var text bytes.Buffer
	require.NoError(t, statement.New(sample, l, 0).HTML(&text))
	return text.Bytes()
}

// TestPage: a page is of its language, and what a policy says is text in it.
func TestPage(t *testing.T) {
	text := string(page(t, "no"))
	assert.True(t, strings.HasPrefix(text, design.Head))
	assert.Contains(t, text, `<html lang="nb">`)
	assert.NotContains(t, text, "<script")
	assert.Contains(t, text, "<mark>[fyll ut: hvordan den behandlingsansvarlige kan nås]</mark>")
	assert.Equal(t, []string{strings.Repeat("0123456789abcdef", 4)}, statement.Digests([]byte(text)))
	assert.True(t, statement.HasBlanks([]byte(text)))
}

// media is a medium, "" for a screen, and its colour scheme.
func media(medium, scheme string) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Media: medium,
			Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}})
		return err
	})
}

// TestPageInABrowser: a page asks for nothing, fits a phone, and can be read in light and
// dark and on paper.
func TestPageInABrowser(t *testing.T) {
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
	)
	ctx, cancel := chromedp.NewExecAllocator(context.Background(), options...)
	t.Cleanup(cancel)
	ctx, cancel = chromedp.NewContext(ctx)
	t.Cleanup(cancel)
	ctx, cancel = context.WithTimeout(ctx, patience)
	t.Cleanup(cancel)
	require.NoError(t, chromedp.Do(ctx))
	t.Cleanup(func() { assert.NoError(t, chromedp.Cancel(ctx)) })

	var mu sync.Mutex
	var requests, complaints []string
	require.NoError(t, chromedp.Listen(ctx, func(event any) {
		mu.Lock()
		defer mu.Unlock()
		switch e := event.(type) {
		case *network.EventRequestWillBeSent:
			if !strings.HasPrefix(e.Request.URL, "data:") {
				requests = append(requests, e.Request.URL)
			}
		case *log.EventEntryAdded:
			complaints = append(complaints, e.Entry.Text)
		}
	}))
	do := func(actions ...chromedp.Action[chromedp.Void]) {
		t.Helper()
		require.NoError(t, chromedp.Do(ctx, actions...))
	}
	eval := func(expression string) string {
		t.Helper()
		v, err := chromedp.Run(ctx, chromedp.Evaluate[string](expression))
		require.NoError(t, err)
		return v
	}
	picture := func(name string) {
		t.Helper()
		text, err := chromedp.Run(ctx, chromedp.FullScreenshot(100))
		require.NoError(t, err)
		require.NoError(t, os.WriteFile(filepath.Join(t.ArtifactDir(), name+".png"), text, 0o600))
	}
	file := filepath.Join(t.TempDir(), "statement.html")
	require.NoError(t, os.WriteFile(file, page(t, "de"), 0o600))
	do(chromedp.EmulateViewport(1100, 900), chromedp.Navigate("file://"+file))

	assert.Equal(t, "Was dieser Server protokolliert", eval(`document.title`), "no script has run")
	assert.Equal(t, hostile, eval(`document.querySelector('dd').textContent`))
	assert.Equal(t, "web|Übermittlung in Drittländer|Ihre Rechte|Technische Angaben", eval(`[...document.querySelectorAll('h2')].map(e => e.textContent).join('|')`))
	assert.Equal(t, "rgb(250, 250, 247)", eval(`getComputedStyle(document.body).backgroundColor`))
	picture("light")

	do(media("", "dark"))
	assert.Equal(t, "rgb(20, 25, 27)", eval(`getComputedStyle(document.body).backgroundColor`))
	assert.Equal(t, "rgb(228, 233, 232)", eval(`getComputedStyle(document.querySelector('caption')).color`))
	picture("dark")

	do(media("print", "light"))
	assert.Equal(t, "rgb(255, 255, 255)", eval(`getComputedStyle(document.body).backgroundColor`))
	assert.Equal(t, "none", eval(`getComputedStyle(document.querySelector('main')).maxWidth`))

	do(media("", "light"), chromedp.EmulateViewport(320, 640))
	assert.Equal(t, "320", eval(`String(document.documentElement.scrollWidth)`), "nothing sticks out")
	picture("phone")

	mu.Lock()
	defer mu.Unlock()
	assert.Equal(t, []string{"file://" + file}, requests, "nothing but the page itself is asked for")
	assert.Empty(t, complaints, "console")
}
