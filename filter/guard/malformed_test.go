package guard

import (
	"regexp"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/format/civil"

	"github.com/stretchr/testify/assert"
)

func TestMalformedText(t *testing.T) {
	for _, test := range []struct{ text, want string }{
		{"no address", "no address"},
		{"192.0.2.1", "{192.0.2.1}"},
		{"2001:DB8::1 ", "{2001:db8::1} "},
		{"192.0.2.1:80", "{192.0.2.1}:80"},
		{"from ip:192.0.2.1 and 192.0.2.1. End", "from ip:{192.0.2.1} and {192.0.2.1}. End"},
		{"2001:db8::1: ...2001:db8::1.", "{2001:db8::1}: ...{2001:db8::1}."},
		{"192.0.2.1:80:90 192.0.2.1:123456", "{name:192.0.2.1:80:90} {name:192.0.2.1:123456}"},
		{"GET /../../../etc ... ::", "GET /../../../etc ... ::"},
		{"07:23:55 23:59:60.123456", "07:23:55 23:59:60.123456"},
		{"07:23:55:1 2:07:23:55 07:23:55a 37:23:55", "{name:07:23:55:1} {name:2:07:23:55} {name:07:23:55a} {name:37:23:55}"},
		{"dead::beef", "{dead::beef}"},
		{"192.0.2", "{name:192.0.2}"},
		{"2.192", "2.192"},
		{"db8::", "{db8::}"},
		{"2001:db8:", "{name:2001:db8:}"},
		{":1:", "{name::1:}"},
		{"2001%3Adb8%3a1", "{name:2001:db8:1}"},
		{`192\u002e0\u002e2`, `{name:192.0.2}`},
		{"12:34:56", "12:34:56"},
		{"std::vector", "std::vector"},
		{"Chrome/124.0.0.0", "Chrome/{124.0.0.0}"},
		{"[22/Nov/2026:07:23:55 +0000] 192.0.2.1", "[22/Nov/2026:07:23:55 +0000] {192.0.2.1}"},
		{"[Sun Nov 22 07:23:55.054538 2026] 192.0.2.1", "[Sun Nov 22 07:23:55.054538 2026] {192.0.2.1}"},
		{`"2026-11-22T07:23:55.123+01:00" 192.0.2.1`, `"2026-11-22T07:23:55.123+01:00" {192.0.2.1}`},
		{"[22-Nov-2026 07:23:55 UTC] 192.0.2.1", "[22-Nov-2026 07:23:55 UTC] {192.0.2.1}"},
		{`[22-Nov-2026 07:23:55 +01:00] %41 192.0.2.1 [22-Nov-2026 07:23:55 Etc/GMT-1]`, `[22-Nov-2026 07:23:55 +01:00] %41 {192.0.2.1} [22-Nov-2026 07:23:55 Etc/GMT-1]`},
		{"32/Nov/2026:07:23:55 +0000", "32/Nov/{name:2026:07:23:55} +0000"},
		{"1.2.22/Nov/2026:07:23:55 +0000", "{name:1.2.22}/Nov/{name:2026:07:23:55} +0000"},
		{"2026-11-22T07:23:55.123.4", "2026-11-22T{name:07:23:55.123.4}"},
		{"2026-11-22T07:23:55:db8", "2026-11-22T{name:07:23:55:db8}"},
		{"", ""},
	} {
		c := testCipher(t, "ipcrypt")
		g := testGuard(c)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, test.want), string(g.appendText(nil, []byte(test.text), brokenText)), test.text)
	}
}

func TestStampDay(t *testing.T) {
	for text, want := range map[string]string{
		"x [22/Nov/2026:07:23:55 +0000] [23/Nov/2026:07:23:55 +0000]":  "2026-11-23",
		"x [23/Nov/2026:07:23:55 +0000] [01/Jan/1970:00:00:00 +0000]":  "2026-11-23",
		"[01/Jan/1960:00:00:00 +0000] x":                               "1960-01-01",
		"192.0.2.1 2026-11-22 07:23:55,1 [21/Nov/2026:07:23:55 +0000]": "2026-11-22",
		"[Sun Nov 22 07:23:55 2026] x":                                 "2026-11-22",
		"31/Feb/2026:07:23:55 +0000 2026-11-22":                        "2026-11-22",
		"a[22-Nov-2026 07:23:55 Europe/Berlin] PHP Notice:  b":         "2026-11-22",
		"[22-Nov-2026 07:23:55 dsl.example.net] b":                     "",
		"1795330000.123": "",
		"x":              "",
		"":               "",
	} {
		day, ok := StampDay([]byte(text))
		wantDay, wantOK := civil.ParseDay(want)
		assert.Equal(t, wantOK, ok, text)
		assert.Equal(t, wantDay, day, text)
	}
}

// FuzzMalformed requires that no run with two separators is left, except for time stamps: so no
// address is left, and no piece of one that anybody could recognise. What is not part of a run
// stays.
func FuzzMalformed(f *testing.F) {
	for _, log := range guardtest.Logs(f, "../../testdata") {
		for i, line := range strings.SplitAfter(log, "\n") {
			if i%40 == 0 {
				f.Add(line)
				f.Add(line[len(line)/2:] + line[:len(line)/2])
			}
		}
	}
	f.Add(`%2e%252e\u003a::%25..`)
	f.Add("0000-01- 1 00:00:00")
	f.Add("203.0.113.152:808.")
	c := testCipher(f, "drop")
	f.Fuzz(func(t *testing.T, text string) {
		g := testGuard(c)
		out := g.appendText(nil, []byte(text), brokenText)
		rest := guardtest.Stamp.ReplaceAllString(string(decoded(out)), "-")
		for _, span := range guardtest.Run.FindAllStringIndex(rest, -1) {
			run := rest[span[0]:span[1]]
			if guardtest.MayStay(rest, span) {
				continue
			}
			if strings.Count(run, ".")+strings.Count(run, ":") > 1 {
				t.Fatalf("%q is left of %q: %q", run, text, out)
			}
		}
		assert.Equal(t, unrun(decoded([]byte(text))), unrun(decoded(out)), "%q", text)
	})
}

// FuzzRuns compares nextPlain with nextEscaped, except for times of day, which nextEscaped
// skips in stamps, and for stamps right after a date.
func FuzzRuns(f *testing.F) {
	for _, text := range []string{"1.2.3 [22/Nov/2026:07:23:55 +0000] a:b: Sun Nov 22 07:23:55.1 2026 2026-11-22T07:23:55Z ::", "2026-11-22/Nov/2026:07:23:55 +0000", "1.22/Nov/2026:07:23:55 +0000.", "1.1/1:1"} {
		f.Add(text)
	}
	for _, log := range guardtest.Logs(f, "../../testdata") {
		for i, line := range strings.SplitAfter(log, "\n") {
			if i%40 == 0 {
				f.Add(line)
			}
		}
	}
	f.Fuzz(func(t *testing.T, line string) {
		text := []byte(line)
		if mayHaveEscape(text) {
			return
		}
		var got, want []span
		for s := (runs{text: text}); s.next(); {
			if !namesNobody(text, s.start, s.end) {
				got = append(got, span{s.start, s.end})
			}
		}
		for s := (runs{text: text, mode: escapedRuns}); s.next(); {
			if !namesNobody(text, s.start, s.end) && !endsCLF(text, s.start, s.end) {
				want = append(want, span{s.start, s.end})
			}
		}
		assert.Equal(t, want, got, "%q", text)
	})
}

// unrun removes from a text what may be part of an address or of its replacement.
func unrun(text []byte) string {
	return regexp.MustCompile(`[0-9A-Fa-f.:-]+`).ReplaceAllString(string(text), "")
}
