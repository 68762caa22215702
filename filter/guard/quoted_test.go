package guard

import (
	"fmt"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/format"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// quotedBefore are quoted texts that recur, with the number of runs that is cached for each, or
// -1 for a text that cannot be cached.
var quotedBefore = map[string]int{
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36": 0,
	"Mozilla/5.0 (compatible; a bot of 192.0.2.1 and 2001:db8::1 and 192.0.2.1.5)":                          3,
	"a bot of 192.0.2.1 and 192.0.2.2 and 192.0.2.3 and 192.0.2.4":                                          -1,
	"https://meet.example.org:8443/standup?a=b&c=d":                                                         0,
	"GET /http-bind?room=standup&token=192.0.2.1 HTTP/1.1":                                                  1,
	"GET /http-bind?room=standup&token=a%2Eb HTTP/1.1":                                                      -1,
	"GET / HTTP/1.1 at 2026-11-22 of somebody":                                                              -1,
	"GET / HTTP/1.1 at 22-Nov-2026 07:23:55 +01:00] of somebody":                                            -1,
	"a client of somebody, server: here":                                                                    -1,
	"a bot, server: www.example.org":                                                                        -1,
	"the agent of ip=dsl.example.net":                                                                       -1,
	"the agent of remote_addr: dsl.example.net":                                                             -1,
	"dsl.example.net - the beginning of a line":                                                             -1,
	"the client dsl.example.net:80 came":                                                                    -1,
	": the value of a key that stands before":                                                               -1,
	"a name } and its end":                                                                                  -1,
	"a name dsl.example.net:5555] of a peer":                                                                -1,
	"too short":                                                                                             -1,
	strings.Repeat("too long ", 30):                                                                         -1,
}

// around is what precedes and follows a text, where names are looked for as well.
var around = []struct{ before, behind string }{
	{"ab - - [x] ", " 812"}, {"", ""}, {"dsl.example.net ", " - - [22/Nov/2026:07:23:55 +0000] a"}, {"ip=", " a"}, {`{"ip":`, `,"a":1}`},
	{"a, ", " [22/Nov/2026:07:23:55 +0000] "}, {"[client ", "] a"}, {"client ", ", server: a"}, {`"key`, ": dsl.example.net"}, {"22/Nov/", ":07:23:55 +0000"},
	{"192.0.2.", ".1"}, {"\\", "\\"}, {"%41", "%41"}, {"\x00", "\x00"}, {"[22/Nov/2026:07:23:55 +0000] ", ` 5 "ip" : a`}, {"} ", " }"}, {"client\t", "\tremote a.b"},
}

// malformed returns what the guard makes of a malformed line.
func malformed(t testing.TB, g *Guard, line string) string {
	text, raw := []byte(line), []byte(nil)
	if strings.Contains(line, "\x00") {
		text, raw = g.WithoutNUL(text), text
	}
	g.ReadMalformed(text, raw)
	g.Begin(len(text), false)
	return string(g.AppendMalformed(nil, text, guardtest.Redact(t)))
}

// requireKnown compares a guard that caches quoted texts with one that does not.
func requireKnown(t testing.TB, lines []string) (known Guard) {
	keys := format.ClientKeysOf(nil)
	known, plain := New(keys, &QuotedTexts{}), New(keys, nil)
	known.Cipher = testCipher(t, "ipcrypt")
	plain.Cipher = known.Cipher
	for _, line := range lines {
		require.Equal(t, malformed(t, &plain, line), malformed(t, &known, line), "%q", line)
		require.Equal(t, plain.Stamps(), known.Stamps(), "%q", line)
	}
	return known
}

// TestQuotedTexts: which quoted texts are cached, and that a cached one is rewritten as if it
// were read.
func TestQuotedTexts(t *testing.T) {
	for text, runs := range quotedBefore {
		line := `x "` + text + `" y`
		g := requireKnown(t, []string{line, line, line})
		g.know([]byte(line))
		if runs < 0 {
			assert.Empty(t, g.known, text)
		} else if assert.Len(t, g.known, 1, text) {
			assert.EqualValues(t, runs, g.known[0].n, text)
		}
		var lines []string
		for _, a := range around {
			lines = append(lines, a.before+`"`+text+`"`+a.behind, a.before+`"`+text+`" "`+text+`"`+a.behind, a.before+text+a.behind)
		}
		requireKnown(t, append([]string{line, line}, lines...))
	}
}

// TestManyQuotedTexts: texts evict others from the cache, even within a line.
func TestManyQuotedTexts(t *testing.T) {
	var lines []string
	for i := range 1000 {
		var line strings.Builder
		for k := range 2 * maxKnown {
			fmt.Fprintf(&line, `x "an agent of %d.%d.0.1 and so on" `, i/2+k, k)
		}
		lines = append(lines, line.String())
	}
	requireKnown(t, lines)
}

// FuzzQuoted is TestQuotedTexts for any text in any place.
func FuzzQuoted(f *testing.F) {
	for text := range quotedBefore {
		for _, a := range around {
			f.Add(text, a.before, a.behind)
		}
	}
	f.Fuzz(func(t *testing.T, text, before, behind string) {
		if strings.ContainsAny(text+before+behind, "\n") || len(text)+len(before)+len(behind) > 2000 {
			return
		}
		line := before + `"` + text + `"` + behind
		requireKnown(t, []string{`"` + text + `"`, `"` + text + `"`, line, line + line, line, behind + `"` + text + `"` + before})
	})
}
