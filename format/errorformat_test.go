package format

import (
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// The formats are those of httpd's documentation (mod/core, ErrorLogFormat).
const (
	errorThreaded = `[%{u}t] [%-m:%l] [pid %P:tid %T] %7F: %E: [client\ %a] %M% ,\ referer\ %{Referer}i`
	errorISO      = `[%{cu}t] [%-m:%-l] [R:%L] [C:%{C}L] %7F: %E: %M`
	errorRequest  = `[%{uc}t] [R:%L] UA:'%+{User-Agent}i'`
	errorConn     = `[%{uc}t] [C:%{c}L] local\ %a remote\ %A`
)

func TestErrorFormat(t *testing.T) {
	const (
		ctime = "plain:Sun Nov 22 06:46:00.123456 2026"
		iso   = "plain:2026-11-22 06:46:00.123456"
	)
	for _, tt := range []struct {
		name, format, line string
		fields             []string // nil: no match
	}{
		{"all fields", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [core:info] [pid 12:tid 34] core.c(12): (13)Permission denied: [client 192.0.2.1:5678] AH1: a, referer http://w.example.org/`,
			[]string{ctime, "plain:core", "plain:info", "plain:12", "plain:34", "url:core.c(12)", "url:(13)Permission denied", "client:192.0.2.1", "plain:5678", "url:AH1: a", "url:http://w.example.org/"}},
		{"fields left out", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [core:info] [pid 12:tid 34] [client 2001:db8::1:5678] AH1: a`,
			[]string{ctime, "plain:core", "plain:info", "plain:12", "plain:34", "client:2001:db8::1", "plain:5678", "url:AH1: a"}},
		{"no client", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [-:notice] [pid 12:tid 34] AH1: a`,
			[]string{ctime, "plain:notice", "plain:12", "plain:34", "url:AH1: a"}},
		{"IPv6 in brackets", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [core:info] [pid 12:tid 34] [client [2001:db8::1]:443] a`,
			[]string{ctime, "plain:core", "plain:info", "plain:12", "plain:34", "client:2001:db8::1", "plain:443", "url:a"}},
		{"a module's client", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [:error] [pid 12:tid 34] [client 192.0.2.1:5678] [client a.example] ModSecurity: b`, nil},
		{"a module's client, with its name", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [security2:error] [pid 12:tid 34] [client 192.0.2.1:5678] [client a.example] ModSecurity: b`,
			[]string{ctime, "plain:security2", "plain:error", "plain:12", "plain:34", "client:192.0.2.1", "plain:5678", "url:[client ", "client:a.example", "url: ModSecurity: b"}},
		{"mod_rewrite", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [rewrite:trace1] [pid 12:tid 34] mod_rewrite.c(483): [client 192.0.2.1:5678] a.example - - [a.example/sid#1] b`,
			[]string{ctime, "plain:rewrite", "plain:trace1", "plain:12", "plain:34", "url:mod_rewrite.c(483)", "client:192.0.2.1", "plain:5678", "client:a.example", "url: - - [a.example/sid#1] b"}},
		{"the end of another line's client", errorThreaded, `[Sun Nov 22 06:46:00.123456 2026] [core:info] [pid 12:tid 34] a.example:5678] b`, nil},
		{"ISO", errorISO, `[2026-11-22 06:46:00.123456] [core:info] [R:aGZ4NDkz] [C:b+/Z4NDkz] (13)Permission denied: AH1: 192.0.2.1`,
			[]string{iso, "plain:core", "plain:info", "url:aGZ4NDkz", "url:b+/Z4NDkz", "url:(13)Permission denied", "url:AH1: 192.0.2.1"}},
		{"ISO with a zone", `[%{cuz}t] %M`, `[2026-11-22 06:46:00.123456 +0100] a`, []string{"plain:2026-11-22 06:46:00.123456 +0100", "url:a"}},
		{"a request's line", errorRequest, `[2026-11-22 06:46:00.123456] [R:aGZ4NDkz] UA:'a b 192.0.2.1'`,
			[]string{iso, "url:aGZ4NDkz", "url:a b 192.0.2.1"}},
		{"a connection's line", errorConn, `[2026-11-22 06:46:00.123456] [C:aGZ4NDkz] local 192.0.2.1:5678 remote 10.0.0.1:443`,
			[]string{iso, "url:aGZ4NDkz", "client:192.0.2.1", "plain:5678", "plain:10.0.0.1:443"}},
		{"a client behind the message", `[%t] %M [%a]`, `[Sun Nov 22 06:46:00 2026] a [b] [2001:db8::1:5678]`,
			[]string{"plain:Sun Nov 22 06:46:00 2026", "url:a [b]", "client:2001:db8::1", "plain:5678"}},
		{"a list of clients", `[%t] xff=%{X-Forwarded-For}i; %M`, `[Sun Nov 22 06:46:00 2026] xff=192.0.2.1, a.example; b`,
			[]string{"plain:Sun Nov 22 06:46:00 2026", "list:192.0.2.1, a.example", "url:b"}},
		{"hyphens", `[%t] [%-{c}a] [%-{X}e] 100%% %M`, `[Sun Nov 22 06:46:00 2026] [-] [-] 100% a`, []string{"plain:Sun Nov 22 06:46:00 2026", "url:a"}},
		{"the text of a configuration file", `[%t] \"%-v\"\ %M`, `[Sun Nov 22 06:46:00 2026] "w.example.org" a`, []string{"plain:Sun Nov 22 06:46:00 2026", "url:w.example.org", "url:a"}},
		{"no first field", `[%t] [%l] %M`, `[error] a`, nil}, // the time is never missing
		{"another log", errorThreaded, `a.example - - [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1" 200 5`, nil},
		{"nothing", errorThreaded, ``, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			p, err := New("error:"+tt.format, time.UTC, nil)
			require.NoError(t, err)
			var out Line
			ok := p.Parse([]byte(tt.line), &out)
			require.Equal(t, tt.fields != nil, ok)
			if !ok {
				return
			}
			assert.Equal(t, tt.fields, spell([]byte(tt.line), out.Fields))
			assert.Equal(t, "2026-11-22", out.Day.String())
			assert.True(t, out.Error)
			if out.Client >= 0 {
				assert.Equal(t, Client, out.Fields[out.Client].Kind)
			}
			line := []byte(tt.line)
			assert.Zero(t, testing.AllocsPerRun(10, func() { p.Parse(line, &out) }))
			assert.True(t, p.Parse([]byte(tt.line+"\r"), &out))
		})
	}
}

func TestErrorFormatErrors(t *testing.T) {
	for _, tt := range []struct {
		format string
		column int
		reason string
	}{
		{``, 1, "the format has no directive such as %M"},
		{`[100%%]`, 1, "the format has no directive such as %M"},
		{`[%{u t] %M`, 3, "no } closes this {"},
		{`[%t] %h %M`, 7, "httpd knows no such directive of an ErrorLogFormat"},
		{`[%t] %M %`, 9, "the format ends inside a directive (a percent sign is %%)"},
		{`[%t] %M %M`, 9, "a second message (%M)"},
		{`[%t]\n%M`, 5, "a newline inside the format: a line is one line"},
	} {
		_, err := New("error:"+tt.format, time.UTC, nil)
		assert.Equal(t, &FormatError{tt.format, tt.column, tt.reason}, err, tt.format)
	}
}

// FuzzErrorFormat: for any format and any line that fits it, fields do not overlap, and the
// bytes outside them are literals of the format.
func FuzzErrorFormat(f *testing.F) {
	for _, format := range []string{errorThreaded, errorISO, errorRequest, errorConn, `%M`, `[%t] %M [%a]`, `%a%a%M%a%a`, `%-a %+E %7F\ %{X-Forwarded-For}i %M % %% %L`} {
		f.Add(format, `[Sun Nov 22 06:46:00.123456 2026] [core:info] [pid 12:tid 34] [client [2001:db8::1]:5678] [client a] AH1: a, referer http://w.example.org/`)
		f.Add(format, `[2026-11-22 06:46:00.123456] [C:aGZ4NDkz] local 192.0.2.1:5678 remote 10.0.0.1:443`)
	}
	f.Add(`[%t] [%a%M`, `[Sun Nov 22 06:46:00.123456 2026] [core:info] [pid 12:tid 34] [client a] AH1: a`)
	f.Add(`[%t] [%a%M`, `[Sun Nov 22 06:46:00.123456 2026] [[core]info [pid 12:tid 34] [client a] AH1: a`)
	f.Fuzz(func(t *testing.T, format, line string) {
		p, err := compileErrors(format)
		if err != nil {
			return
		}
		var out Line
		if !p.Parse([]byte(line), &out) {
			return
		}
		at, left := 0, ""
		for _, field := range out.Fields {
			require.LessOrEqual(t, at, field.Start)
			require.LessOrEqual(t, field.Start, field.End)
			require.LessOrEqual(t, field.End, len(line))
			left += line[at:field.Start]
			at = field.End
		}
		left += line[at:]
		for i := range len(left) {
			c := left[i]
			known := c == '-' || c == '\r' || c == '[' || c == ']' || c == ':' || c == ' ' // of a hyphen, a port or brackets
			for k := 0; k < len(format) && !known; k++ {
				known = format[k] == c || format[k] == '\\'
			}
			require.True(t, known, "%q is left of %q", left, line)
		}
	})
}
