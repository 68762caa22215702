package referrer_test

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/format/referrer"
)

func TestOf(t *testing.T) {
	sites := referrer.Load()
	var scratch []byte
	for value, want := range map[string]string{
		"":  "direct",
		"-": "direct",
		"https://www.google.com/search?q=hidden+words":           "search Google",
		"http://www.google.co.uk/url?sa=t&q=words":               "search Google",
		"https://google.de":                                      "search Google",
		"https://www.google.com/imgres?imgurl=x":                 "search Google Images",
		"https://DuckDuckGo.com/":                                "search DuckDuckGo",
		"https://www.bing.com:443/images/search?q=a":             "search Bing Images",
		"android-app://com.google.android.googlequicksearchbox/": "search Google",
		"android-app://com.google.android.gm/":                   "site com.google.android.gm",
		"https://chatgpt.com/":                                   "ai ChatGPT",
		"https://www.perplexity.ai/search/x":                     "ai Perplexity",
		"https://x.com/i/grok/share":                             "ai Grok",
		"https://m.facebook.com/":                                "social Facebook",
		"https://l.facebook.com/l.php?u=x":                       "social Facebook",
		"https://www.example.org/page":                           "own",
		"https://user:secret@EXAMPLE.org:8080/page":              "own",
		"https://blog.example.net/post?id=7":                     "site blog.example.net",
		"https://notgoogle.example/":                             "site notgoogle.example",
		"https://sites.google.com/view/x":                        "site sites.google.com",
		"ftp://example.net/":                                     "direct",
		"javascript:alert(1)":                                    "direct",
		"https://exa mple.net/":                                  "direct",
		"https:///x":                                             "direct",
		"https://example.net":                                    "site example.net",
		"https://192.0.2.1/x":                                    "site 192.0.2.1",
	} {
		var o referrer.Origin
		o, scratch = sites.Of([]byte(value), []string{"example.org"}, scratch)
		got := o.Kind.String()
		switch {
		case o.Host != nil:
			got += " " + string(o.Host)
		case o.Kind > referrer.Own:
			got += " " + sites.Names()[o.Name]
		}
		assert.Equal(t, want, got, value)
	}
}

func TestDomain(t *testing.T) {
	for host, want := range map[string]string{
		"blog.example.net":  "example.net",
		"a.b.example.co.uk": "example.co.uk",
		"co.uk":             "co.uk",
		"localhost":         "localhost",
	} {
		assert.Equal(t, want, referrer.Domain(host), host)
	}
}

func TestAllocations(t *testing.T) {
	sites, value := referrer.Load(), []byte("https://blog.example.net/post?id=7")
	scratch := make([]byte, 0, 300)
	assert.Zero(t, testing.AllocsPerRun(100, func() { _, scratch = sites.Of(value, nil, scratch) }))
}

func TestSource(t *testing.T) {
	assert.Equal(t, "searchengine-and-social-list 2026-07-15, CC0", referrer.Source())
}
