package filter

import (
	"io"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/rooms"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
	"hushpipe/format/policy"
)

// besides are streams that copy lines from others, and some that do not: of each kind two or
// more, with a format of their own, without lines, and with rooms.
var besides = strings.Split(`[[stream]]
name = "all"
`+allFields+`
[[stream]]
name = "all-too"
where = { url = "/*" }
`+allFields+`
[[stream]]
name = "all-rooms"
rooms = ["jitsi"]
`+allFields+`
[[stream]]
name = "whole"
[[stream]]
name = "whole-too"
unless = { method = "POST" }
[[stream]]
name = "whole-masked"
where = { client = "0.0.0.0/0" }
fields = { client = "mask=24/48", user = "keep", time = "keep", url = "keep", status = "keep", size = "keep", referer = "keep", agent = "keep" }
[[stream]]
name = "short"
fields = { client = "pfx", user = "words=1", time = "hour", url = "only=a,room", status = "keep", size = "round=1000", referer = "site", agent = "keep" }
[[stream]]
name = "short-too"
where = { status = "200-599" }
fields = { client = "pfx", user = "words=1", time = "hour", url = "only=a,room", status = "keep", size = "round=1000", referer = "site", agent = "keep" }
[[stream]]
name = "nets"
fields = { client = "only=192.0.2.0/28", user = "hash", time = "day", url = "path", referer = "path" }
[[stream]]
name = "hashed"
fields = { client = "ipcrypt", user = "hash", time = "day" }
[[stream]]
name = "hashed-too"
fields = { client = "ipcrypt", user = "hash", time = "day" }
[[stream]]
name = "pieces"
fields = { client = "ipcrypt", event = "keep", url = "only=a", referer = "path", status = "keep" }
format = '%{event}e %h %m "%U%q" "%r" "%{Referer}i" %>s'
[[stream]]
name = "pieces-too"
where = { event = "*" }
fields = { client = "ipcrypt", event = "keep", url = "only=a", referer = "path", status = "keep" }
format = '%{event}e %h %m "%U%q" "%r" "%{Referer}i" %>s'
[[stream]]
name = "figures"
keep = "none"
rooms = ["jitsi"]
`, "[[stream]]\n")[1:]

// besideOf returns the streams of besides that a format supports, those of them that keep all
// fields, and each one alone.
func besideOf(t testing.TB, parser format.Parser, logFormat string) (all, keeping *policy.Policy, alone []*policy.Policy) {
	head := "format = '''" + logFormat + "'''\nevents = [\"http\"]\n"
	text, kept := head, head
	for _, s := range besides {
		s = "[[stream]]\npurpose = \"x\"\n" + s
		if !strings.Contains(s, "keep = \"none\"") {
			s = strings.Replace(s, "\nname", "\nkeep = \"14d\"\nname", 1)
		}
		p, mistakes := policy.Parse([]byte(head + s))
		require.Empty(t, mistakes)
		if plan, err := treatment.Compile(&p.Streams[0], parser); err == nil {
			alone = append(alone, p)
			text += s
			if plan == nil || plan.KeepsAll {
				kept += s
			}
		}
	}
	all, mistakes := policy.Parse([]byte(text))
	require.Empty(t, mistakes)
	keeping, mistakes = policy.Parse([]byte(kept))
	require.Empty(t, mistakes)
	return all, keeping, alone
}

// FuzzBeside: each of many streams writes and counts the same as alone, without fast parsers and
// without caches of treated texts.
func FuzzBeside(f *testing.F) {
	for i, spec := range lineSpecs {
		for line := range strings.SplitSeq(spec.lines, "\n") {
			f.Add(uint8(i), line)
		}
	}
	for _, log := range recordedLogs(f) {
		for i, line := range strings.SplitN(log, "\n", 6)[:5] {
			f.Add(uint8(i), strings.TrimSuffix(line, "\n"))
		}
	}
	for _, line := range []string{
		`192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] "GET /x?a=192.0.2.9&room=b HTTP/1.1" 404 5 "https://192.0.2.1/x?token=y" "A/1.2.3.4"`,
		`192.0.2.1 - maria ann [22/Nov/2026:10:00:00 +0100] "GET /http-bind?room=b HTTP/1.1" 401 5 "https://example.org/x?y" "A (192.0.2.1)"`,
		`host.example.org - - [22/Nov/2026:10:00:00 +0100] "GET /http-bind?room=b HTTP/1.1" 200 5 "https://u:p@example.org/x?y" "A"`,
		`192.0.2.1 - maria ann [22/Nov/2026:10:00:00 +0100] "GET /a HTTP/1.1" 200 5 "https://example.org/x?192.0.2.1" "A"`,
		`- - - [22/Nov/2026:10:00:00 +0100] "-" 408 - "-" "-"`,
		`192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] "GET /a HTTP/1.l 1" 200 5 "-" "A"`,
		`192.0.2.77:80 - - [22/Nov/2026:10:00:00 +0100] "POST /a?a=1-192-0-2-1 HTTP/1.1" 200 5 "/x?y=1.2.3.4" "-"`,
		"\xef\xbb\xbf192.0.2.1 - - [22/Nov/2026:10:00:00 +0100] \"GET / HTTP/1.1\" 200 5 \"-\" \"A\"",
	} {
		f.Add(uint8(0), line)
		f.Add(uint8(1), line)
	}
	f.Fuzz(func(t *testing.T, spec uint8, line string) {
		s := lineSpecs[int(spec)%len(lineSpecs)]
		if len(line) > 2000 || strings.Contains(line, "\n") || s.proxies || strings.Contains(s.format, "'''") {
			return
		}
		parser, err := format.New(s.format, time.UTC, nil)
		require.NoError(t, err)
		all, keeping, alone := besideOf(t, parser, s.format)
		log := strings.Repeat(line+"\n"+s.lines+"\n", 2) + line + "\n"
		run := func(p *policy.Policy, reference bool) (map[string]string, *Streams) {
			streams := streamsOf(t, p, func(int) *Batch { return &Batch{} })
			if reference {
				streams.fast, streams.brief = nil, false
				f := streams.all[0].Filter
				f.shortened, f.fast = shortenedTexts{}, nil
			}
			got := map[string]string{}
			require.NoError(t, run(streams, io.Reader(strings.NewReader(log)), &collectStreams{p: p, got: got}))
			require.Zero(t, streams.Stats().Failed, "%s: %s", line, streams.Fault())
			return got, streams
		}
		want, reference := map[string]string{}, map[string]*Filter{}
		for _, p := range alone {
			got, streams := run(p, true)
			maps.Copy(want, got)
			reference[p.Streams[0].Name] = streams.all[0].Filter
		}
		for _, p := range []*policy.Policy{all, keeping} {
			got, streams := run(p, false)
			for i := range p.Streams {
				name := p.Streams[i].Name
				require.Equal(t, want[name], got[name], "%s of %s", name, line)
				require.Equal(t, reference[name].Stats(), streams.all[i].Filter.Stats(), "%s of %s", name, line)
				require.Equal(t, roomsOf(reference[name]), roomsOf(streams.all[i].Filter), "%s of %s", name, line)
			}
		}
	})
}

// roomsOf returns the room counts of a Filter.
func roomsOf(f *Filter) map[civil.Day]rooms.DayCounts {
	sums := map[civil.Day]rooms.DayCounts{}
	for day, d := range maps.All(f.days) {
		if d.counts != nil {
			sums[day] = d.counts.DayCounts()
		}
	}
	return sums
}

// A text is recognised by all of its bytes and its field, until newer texts replace it.
func TestShortTexts(t *testing.T) {
	s := newShortenedTexts()
	referer := &format.Field{Kind: format.URL, Role: format.RoleReferer}
	find := func(f *format.Field, text string) string {
		out, _ := s.find(f, []byte(text))
		return string(out)
	}
	put := func(f *format.Field, text, out string) {
		_, sum := s.find(f, []byte(text))
		s.put(f, []byte(text), []byte(out), sum)
	}
	put(referer, "https://example.org/a", "https://example.org/")
	require.Equal(t, "https://example.org/", find(referer, "https://example.org/a"))
	require.Empty(t, find(referer, "https://example.org/b"))
	for _, other := range []*format.Field{{Kind: format.Text, Role: format.RoleReferer}, {Kind: format.URL, Role: format.RoleURL}, {Kind: format.URL, Directive: 1}} {
		require.Empty(t, find(other, "https://example.org/a"))
	}
	first, second := &format.Field{Kind: format.URL, Directive: 1}, &format.Field{Kind: format.URL, Directive: 2}
	put(first, "https://example.org/a", "x")
	require.Equal(t, "x", find(first, "https://example.org/a"))
	require.Empty(t, find(second, "https://example.org/a"))

	// Two of 188 bytes fill an entry.
	for n, want := range map[int]bool{shortenedLen / 2: true, shortenedLen/2 + 1: false} {
		text := strings.Repeat("a", n)
		put(referer, text, text)
		require.Equal(t, want, find(referer, text) == text, n)
	}
	for i := range 2 * shortenedMax {
		text := "https://example.org/" + strings.Repeat("x", i%7) + string(rune('a'+i%26)) + time.Duration(i).String()
		put(referer, text, "left")
	}
	require.Equal(t, shortenedMax, s.recent.Len())
	require.Empty(t, find(referer, "https://example.org/a"), "the oldest made room")

	_, sum := s.find(&format.Field{Kind: format.Plain, Role: format.RoleTime}, []byte("[22/Nov/2026:10:00:00 +0100]"))
	require.Zero(t, sum)
	_, sum = s.find(&format.Field{Kind: format.Client}, []byte("192.0.2.123"))
	require.Zero(t, sum, "clients are never remembered")
	none := shortenedTexts{}
	_, sum = none.find(referer, []byte("https://example.org/a"))
	require.Zero(t, sum)
}
