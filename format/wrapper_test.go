package format

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// wrappers are prefixes that log services write.
var wrappers = []string{
	"Nov 22 06:46:01 web1 httpd: ",
	"Nov  2 06:46:01 web1.example.org httpd[1234]: ",
	"Dec 16 00:00:00 prod.site.com auth-apache-access: ",
	"Nov 22 06:46:01 192.0.2.53 nginx: ",
	"Nov 22 06:46:01.123456 web1 apache2(ssl)[12]: ",
	"Nov 22 06:46:01 nginx: ",
	"<134>Nov 22 06:46:01 web1 httpd: ",
	"<190>Nov 22 06:46:01 2001:db8::53 nginx: ",
	"<6>Nov 22 06:46:01 httpd[7]: ",
	"2026-11-22T06:46:01.123456+01:00 web1 httpd: ",
	"2026-11-22T06:46:01+0100 web1 docker/web[77]: ",
	"<134>1 2026-11-22T06:46:01.003Z web1.example.org httpd - - - ",
	"<134>1 2026-11-22T06:46:01+01:00 - httpd 4711 access [origin ip=\"192.0.2.53\" x=\"a \\\"]\\\" b\"][y@1] ",
	"<13>1 - web1 nginx - - - \ufeff",
	"2026-11-22T06:46:01.123456789Z stdout F ",
	"2026-11-22T06:46:01.123456789+01:00 stderr F ",
	"2026-11-22T06:46:01.123456789Z ",
	"web-1  | ",
	"project_web_1 | ",
	"web-1  | 2026-11-22T06:46:01.123456789Z ",
	"web-1  | Nov 22 06:46:01 web1 httpd: ",
}

// envelopes are JSON lines of log services, with LINE in place of a line.
var envelopes = []string{
	`{"log":"LINE\n","stream":"stdout","time":"2026-11-22T06:46:01.1Z"}`,
	`{"log":"LINE\r\n","stream":"stdout","attrs":{"tag":"web"},"time":"2026-11-22T06:46:01.1Z"}`,
	`{"@timestamp":"2026-11-22T06:46:01.003Z","@metadata":{"beat":"filebeat"},"message":"LINE","log":{"offset":0,"file":{"path":"/var/log/apache2/access.log"}},"host":{"name":"web1","ip":["192.0.2.53","fe80::1"]},"agent":{"version":"8.1.0"}}`,
	`{"host":{"ip":"192.0.2.53"},"message":"Nov 22 06:46:01 web1 httpd: LINE"}`,
}

// wrappedLines returns lines of each format that may be wrapped.
func wrappedLines() map[string]string {
	lines := map[string]string{
		"main":            benchLines["combined"] + ` "198.51.100.1, a.example"`,
		"combinedio":      benchLines["combined"] + ` 812 1024`,
		"ssl_request_log": stamp + ` a.example TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /a?b=\"c\" HTTP/1.1" 1375`,
		"json":            `{"time":"2026-11-22T06:46:00Z","remote_ip":"192.0.2.1","request":"GET /a?b=ü\" HTTP/1.1","status":"200"}`,
		"error":           `[Sun Nov 22 06:46:00.123456 2026] [core:error] [pid 1:tid 2] [client 192.0.2.1:55] AH1: "a" \x41 b`,
	}
	for _, format := range []string{"combined", "common", "vhost_combined"} {
		lines[format] = benchLines[format]
	}
	lines["vhost_common"] = "www.example.org " + benchLines["common"]
	return lines
}

// TestWrappers: a line gives the same result with and without a wrapper.
func TestWrappers(t *testing.T) {
	for format, line := range wrappedLines() {
		quoted, err := json.Marshal(line)
		require.NoError(t, err)
		escaped := string(quoted[1 : len(quoted)-1])
		ascii := strings.NewReplacer("ü", `\u00fc`, "/", `\/`).Replace(escaped)
		for _, spec := range []string{format, "auto"} {
			p := newParser(t, spec)
			var plain Line
			require.True(t, p.Parse([]byte(line), &plain), format)
			want := spell([]byte(line), plain.Fields)
			for _, w := range wrappers {
				wrapped := []byte(w + line)
				var out Line
				require.True(t, p.Parse(wrapped, &out), "%s: %s", spec, wrapped)
				assert.Equal(t, want, spell(wrapped, out.Fields), "%s", wrapped)
				assert.Equal(t, plain.Client, out.Client)
				assert.Equal(t, []any{plain.Status, plain.Day, string(plain.Target)}, []any{out.Status, out.Day, string(out.Target)})
				if spec == "auto" {
					(&fastParser{spec, p.(FastParser)}).requireEqual(t, wrapped)
				}
				assert.Zero(t, testing.AllocsPerRun(5, func() { p.Parse(wrapped, &out) }), "%s", wrapped)
			}
			for _, e := range envelopes {
				for _, text := range []string{escaped, ascii} {
					wrapped := []byte(strings.Replace(e, "LINE", text, 1))
					var out Line
					require.True(t, p.Parse(wrapped, &out), "%s: %s", spec, wrapped)
					requireInOrder(t, wrapped, &out)
					got := spell(wrapped, out.Fields)
					for i := range got {
						kind, text, _ := strings.Cut(got[i], ":")
						var s string
						require.NoError(t, json.Unmarshal([]byte(`"`+text+`"`), &s))
						got[i] = kind + ":" + s
					}
					first := slices.Index(got, want[0])
					require.GreaterOrEqual(t, first, 0, "%s", wrapped)
					assert.Equal(t, want, got[first:first+len(want)], "%s", wrapped)
					assert.Equal(t, first+plain.Client, out.Client)
					assert.Equal(t, []any{plain.Status, plain.Day, string(plain.Target)}, []any{out.Status, out.Day, string(out.Target)})
					assert.Zero(t, testing.AllocsPerRun(5, func() { p.Parse(wrapped, &out) }), "%s", wrapped)
				}
			}
		}
	}
}

// TestNoWrappers: text that only looks like a wrapper is part of the line, and a wrapped line of
// unknown format is malformed, as it is without the wrapper.
func TestNoWrappers(t *testing.T) {
	combined := benchLines["combined"]
	for _, tt := range []struct{ name, line string }{
		{"no tag", "Nov 22 06:46:01 web1 "},
		{"a tag without a colon", "Nov 22 06:46:01 web1 httpd "},
		{"an address as tag", "Nov 22 06:46:01 web1 192.0.2.1: "},
		{"three words before the tag", "Nov 22 06:46:01 a b httpd: "},
		{"no month", "Nov 2x 06:46:01 web1 httpd: "},
		{"no time", "Nov 22 26:46:01 web1 httpd: "},
		{"no version of RFC 5424", "<134>2 2026-11-22T06:46:01Z web1 httpd - - - "},
		{"an address as program", "<134>1 2026-11-22T06:46:01Z web1 192.0.2.1 - - - "},
		{"open structured data", `<134>1 2026-11-22T06:46:01Z web1 httpd - - [a b="c] `},
		{"no structured data", "<134>1 2026-11-22T06:46:01Z web1 httpd - - "},
		{"a piece of a line (CRI)", "2026-11-22T06:46:01.123456789Z stdout P "},
		{"an address for a container", "192.0.2.1 | "},
	} {
		t.Run(tt.name, func(t *testing.T) {
			assert.Zero(t, wrapperLen([]byte(tt.line+combined))&^len("2026-11-22T06:46:01.123456789Z "))
			var out Line
			if newParser(t, "auto").Parse([]byte(tt.line+combined), &out) {
				assert.Zero(t, out.Fields[0].Start, "no word goes unseen")
			}
		})
	}
	for _, line := range []string{
		`{"log":"dsl-192-0-2-1.example.net - - [22/Nov\n","stream":"stdout"}`,
		`{"message":"dsl-192-0-2-1.example.net said GET","agent":{"version":"8.1.0"}}`,
		`{"message":"{\"message\":\"dsl-192-0-2-1.example.net said GET\"}"}`,
		`{"message":"a\nb"}`,
		`{"message":"{\"remote_ip\":3232235777}"}`, // quotes would have to be escaped
		`Nov 22 06:46:01 web1 httpd: dsl-192-0-2-1.example.net - - [22/Nov`,
	} {
		var out Line
		assert.False(t, newParser(t, "auto").Parse([]byte(line), &out), line)
		assert.False(t, newParser(t, "json").Parse([]byte(line), &out), line)
		assert.False(t, newParser(t, "combined").Parse([]byte(line), &out), line)
	}
	var out Line
	assert.False(t, newParser(t, "combined").Parse([]byte(`{"remote_ip":"192.0.2.1"}`), &out))
	assert.True(t, newParser(t, "json").Parse([]byte(`{"remote_ip":"192.0.2.1","message":"a"}`), &out))
}

// FuzzJSONText: offsets in the text of a JSON string map to offsets in the string.
func FuzzJSONText(f *testing.F) {
	for _, s := range []string{`a\"b\\c\/\b\f\n\r\t`, `\u00e4\ud83d\ude00\ud83dx\u12`, `\x41\`, "ü\u00fc"} {
		f.Add([]byte(s), uint8(3))
	}
	f.Fuzz(func(t *testing.T, s []byte, n uint8) {
		text := appendJSONText(nil, s)
		var want string
		if json.Unmarshal([]byte(`"`+string(s)+`"`), &want) == nil && strings.ToValidUTF8(string(s), "") == string(s) {
			require.Equal(t, want, string(text))
		}
		at, pos := jsonOffset(s, 0, 0, int(n))
		require.LessOrEqual(t, pos, int(n))
		require.Equal(t, string(text[:min(pos, len(text))]), string(appendJSONText(nil, s[:at])))
	})
}

// FuzzWrapped: any line has the same fields with and without a wrapper.
func FuzzWrapped(f *testing.F) {
	for _, line := range wrappedLines() {
		f.Add(uint8(0), []byte(line))
	}
	p, err := newAuto(time.UTC, Options{})
	require.NoError(f, err)
	f.Fuzz(func(t *testing.T, n uint8, line []byte) {
		var plain, out Line
		if wrapperLen(line) > 0 || !p.Parse(line, &plain) {
			return
		}
		w := wrappers[int(n)%len(wrappers)]
		wrapped := append([]byte(w), line...)
		if wrapperLen(wrapped) != len(w) {
			return // "a: …" behind a time stamp begins with a tag
		}
		require.True(t, p.Parse(wrapped, &out))
		require.Equal(t, spell(line, plain.Fields), spell(wrapped, out.Fields))
	})
}
