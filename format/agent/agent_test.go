package agent_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/agent"
)

// summarize returns the result for a user agent: class and name of a robot, or browser and
// system of a person.
func summarize(l *agent.Lists, userAgent string) string {
	a := l.Of([]byte(userAgent))
	if a.Class == agent.Person {
		return agent.Browsers()[a.Browser] + " on " + agent.Systems()[a.System]
	}
	return strings.TrimSpace(a.Class.String() + " " + l.Robots()[a.Robot])
}

func TestRobots(t *testing.T) {
	l := agent.Load()
	for userAgent, want := range map[string]string{
		"":                                       "none",
		"-":                                      "none",
		"curl/8.5.0":                             "tool curl",
		"python-requests/2.31.0":                 "tool python-requests",
		"Go-http-client/1.1":                     "tool Go-http-client",
		"Wget/1.21.3":                            "tool wget",
		"okhttp/4.12.0":                          "tool okhttp",
		"Apache-HttpClient/4.5.13 (Java/11.0.2)": "tool Apache-HttpClient",
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)":                                         "search Googlebot",
		"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)":                                          "search bingbot",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; GPTBot/1.2; +https://openai.com/gptbot)":           "ai-training GPTBot",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ClaudeBot/1.0; +claudebot@anthropic.com)":          "ai-training ClaudeBot",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; ChatGPT-User/1.0; +https://openai.com/bot)":        "ai-user ChatGPT-User",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; OAI-SearchBot/1.0; +https://openai.com/searchbot)": "ai-search OAI-SearchBot",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; Claude-User/1.0; +Claude-User@anthropic.com)":      "ai-user Claude-User",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36":    "headless HeadlessChrome",
		"Feedbin feed-id:1 - 2 subscribers":                                  "feed Feedbin",
		"WhatsApp/2.23.20.0":                                                 "preview WhatsApp",
		"Mozilla/5.0 (compatible; Uptime/1.0; http://uptime.com)":            "monitor Uptime",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)": "scanner AhrefsBot",
		"Mozilla/5.0 (compatible; NewThing-Bot/1.0; +https://example.org/)":  "scanner",
		"SomeTool/1.0":              "tool",
		"Mozilla/5.0 (compatible)":  "scanner",
		"<script>alert(1)</script>": "scanner",
		strings.Repeat("x", 60):     "tool",
	} {
		assert.Equal(t, want, summarize(l, userAgent), userAgent)
	}
}

func TestPeople(t *testing.T) {
	l := agent.Load()
	for userAgent, want := range map[string]string{
		"Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0":                                                                                   "Firefox on Linux",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36":                                          "Chrome on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0":                            "Edge on Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0":                            "Opera on Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15":                                    "Safari on macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1":                  "Safari on iOS",
		"Mozilla/5.0 (iPad; CPU OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/130.0.6723.37 Mobile/15E148 Safari/604.1":                    "Chrome on iPadOS",
		"Mozilla/5.0 (Linux; Android 14; SM-S918B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36":               "Samsung Internet on Android",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/UQ1A.240205.004; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/130.0.0.0 Mobile Safari/537": "Android WebView on Android",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36":                                           "Chrome on ChromeOS",
		"Mozilla/5.0 (Linux; Android 10; CUBOT NOTE 20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36":                              "Chrome on Android",
		"Mozilla/5.0 (compatible; MSIE 9.0; Windows NT 6.1; Trident/5.0)":                                                                                          "Internet Explorer on Windows",
	} {
		assert.Equal(t, want, summarize(l, userAgent), userAgent)
	}
}

// TestShapes has a user agent for each shape of the list that no text matches.
func TestShapes(t *testing.T) {
	l := agent.Load()
	const person = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) Firefox/128.0"
	require.Equal(t, agent.Person, l.Of([]byte(person)).Class)
	for _, tail := range []string{" xnews", " google", " ybot", " ybots", " ybot_x", " scan", " http", " java", "; Word;", " @host.x", " x.ai"} {
		assert.NotEqual(t, agent.Person, l.Of([]byte(person+tail)).Class, tail)
	}
	for _, tail := range []string{" gnews", " newssapphire", " googlewv", " google pixel", " cubot", " camscan", " libhttp", " java;", "; Two words;", " @1.x", " .ai"} {
		assert.Equal(t, agent.Person, l.Of([]byte(person+tail)).Class, tail)
	}
	for _, whole := range []string{"(x y) z", "123 x", "research x y/z", "Name", "Name/1.2.3", "name-x/abc", "word/(x)", "word/1.0 (name)",
		"Mozilla/5.0 name", "Mozilla/5.0 (compatible;)", "Mozilla/5.0 (Foo/1.0)"} {
		assert.NotEqual(t, agent.Person, l.Of([]byte(whole)).Class, whole)
	}
}

func TestSources(t *testing.T) {
	require.Len(t, agent.Sources(), 3)
	assert.Regexp(t, `^isbot \S+, Unlicense$`, agent.Sources()[0])
}

func TestAllocations(t *testing.T) {
	l := agent.Load()
	for _, userAgent := range []string{"curl/8.5.0", "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0", strings.Repeat("news ", 500)} {
		text := []byte(userAgent)
		assert.Zero(t, testing.AllocsPerRun(100, func() { l.Of(text) }))
	}
}

// FuzzOf: whatever a client sends, results are indexes of the tables, and case does not matter.
func FuzzOf(f *testing.F) {
	f.Add("Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)")
	f.Add("Mozilla/5.0 (Foo/1.0)")
	f.Add(";\t;;")
	f.Fuzz(func(t *testing.T, userAgent string) {
		l := agent.Load()
		a := l.Of([]byte(userAgent))
		require.Less(t, int(a.Robot), len(l.Robots()))
		require.Less(t, int(a.Browser), len(agent.Browsers()))
		require.Less(t, int(a.System), len(agent.Systems()))
		require.NotEmpty(t, a.Class.String())
		ascii := strings.Map(func(r rune) rune {
			if r >= 128 {
				return -1
			}
			return r
		}, userAgent)
		require.Equal(t, l.Of([]byte(ascii)), l.Of([]byte(strings.ToUpper(ascii))))
	})
}

func BenchmarkOf(b *testing.B) {
	l := agent.Load()
	text := []byte("Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36")
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		l.Of(text)
	}
}
