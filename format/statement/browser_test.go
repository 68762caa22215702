package statement_test

import (
	"bytes"
	"strings"
	"testing"

	"github.com/chromedp/chromedp"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	design "hushpipe/format/page"
	"hushpipe/format/page/pagetest"
	"hushpipe/format/policy"
	"hushpipe/format/report"
	"hushpipe/format/statement"
)

// hostile would be code in a page if it were not escaped.
const hostile = `<script>document.title='x'</script>`

// sample is a notice with a blank, a table, and long words.
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

// TestPage: a page declares its language, and texts of the policy are escaped.
func TestPage(t *testing.T) {
	text := string(page(t, "no"))
	assert.True(t, strings.HasPrefix(text, design.Head))
	assert.Contains(t, text, `<html lang="nb">`)
	assert.NotContains(t, text, "<script")
	assert.Contains(t, text, "<mark>[fyll ut: hvordan den behandlingsansvarlige kan nås]</mark>")
	assert.Equal(t, []string{strings.Repeat("0123456789abcdef", 4)}, statement.Digests([]byte(text)))
	assert.True(t, statement.HasBlanks([]byte(text)))
}

// TestPageInABrowser: a page requests nothing, fits a phone, and is readable in light and dark
// and on paper.
func TestPageInABrowser(t *testing.T) {
	b := pagetest.Open(t, pagetest.Chromium(t), page(t, "de"))
	eval := func(expression string) string {
		t.Helper()
		return pagetest.Eval[string](b, expression)
	}
	assert.Equal(t, "Was dieser Server protokolliert", eval(`document.title`), "no script has run")
	assert.Equal(t, hostile, eval(`document.querySelector('dd').textContent`))
	assert.Equal(t, "web|Übermittlung in Drittländer|Ihre Rechte|Technische Angaben", eval(`[...document.querySelectorAll('h2')].map(e => e.textContent).join('|')`))
	assert.Equal(t, "rgb(250, 250, 247)", eval(`getComputedStyle(document.body).backgroundColor`))
	b.Picture("light")

	b.Do(pagetest.Dark)
	assert.Equal(t, "rgb(20, 25, 27)", eval(`getComputedStyle(document.body).backgroundColor`))
	assert.Equal(t, "rgb(228, 233, 232)", eval(`getComputedStyle(document.querySelector('caption')).color`))
	b.Picture("dark")

	b.Do(pagetest.Printed)
	assert.Equal(t, "rgb(255, 255, 255)", eval(`getComputedStyle(document.body).backgroundColor`))
	assert.Equal(t, "none", eval(`getComputedStyle(document.querySelector('main')).maxWidth`))

	b.Do(pagetest.Shown, chromedp.EmulateViewport(320, 640))
	assert.Equal(t, "320", eval(`String(document.documentElement.scrollWidth)`), "nothing sticks out")
	b.Picture("phone")
}
