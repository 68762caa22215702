package format

import (
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestErrorLog(t *testing.T) {
	const head = `[Sun Nov 22 06:46:00.123456 2026] [proxy:error] [pid 12:tid 34]`
	fields := []string{"plain:Sun Nov 22 06:46:00.123456 2026", "plain:proxy", "plain:error", "plain:pid 12:tid 34"}
	for _, tt := range []struct {
		name, line string
		fields     []string // after those of head; nil: no match
	}{
		{"IPv4", head + ` [client 192.0.2.1:5678] AH01234: a`, []string{"client:192.0.2.1", "plain:5678", "url: AH01234: a"}},
		{"IPv6", head + ` [client 2001:db8::1:5678] a`, []string{"client:2001:db8::1", "plain:5678", "url: a"}},
		{"IPv6 that ends in colons", head + ` [client 2001:db8:::5678] a`, []string{"client:2001:db8::", "plain:5678", "url: a"}},
		{"IPv6 in brackets", head + ` [client [2001:db8::1]:5678] a`, []string{"client:2001:db8::1", "plain:5678", "url: a"}},
		{"IPv6 in brackets, no port", head + ` [remote [2001:db8::1]] a [b]`, []string{"client:2001:db8::1", "url: a [b]"}},
		{"IPv6 in brackets, in a message", head + ` a [client [2001:db8::1]:5678] [c]`, []string{"url:a [client ", "client:2001:db8::1", "plain:5678", "url: [c]"}},
		{"an open bracket before another's", head + ` [client [2001:db8::1] a]`, []string{"client:[2001:db8::1", "url: a]"}},
		{"remote", head + ` [remote 192.0.2.1:5678] a`, []string{"client:192.0.2.1", "plain:5678", "url: a"}},
		{"error text", head + ` (111)Connection refused: [client 192.0.2.1:5678] a`,
			[]string{"url:(111)Connection refused: ", "client:192.0.2.1", "plain:5678", "url: a"}},
		{"source file", head + ` core.c(12): [client 192.0.2.1:5678] a`, []string{"url:core.c(12): ", "client:192.0.2.1", "plain:5678", "url: a"}},
		{"referer", head + ` [client 192.0.2.1:5678] a, referer: http://192.0.2.2/`,
			[]string{"client:192.0.2.1", "plain:5678", "url: a, referer: http://192.0.2.2/"}},
		{"no client", head + ` AH00489: Apache/2.4 configured -- resuming`, []string{"url:AH00489: Apache/2.4 configured -- resuming"}},
		{"client in a message", head + ` said [client 192.0.2.1:5678] a`, []string{"url:said [client ", "client:192.0.2.1", "plain:5678", "url: a"}},
		{"a module's client", head + ` [client a.example:5678] [client a.example] ModSecurity: b`,
			[]string{"client:a.example", "plain:5678", "url: [client ", "client:a.example", "url: ModSecurity: b"}},
		{"a line in a line", head + ` [client a.example:5678] b: /c` + head + ` [client d.example:5] e [remote f.example:6`,
			[]string{"client:a.example", "plain:5678", "url: b: /c" + head + " [client ", "client:d.example", "plain:5", "url: e [remote ", "client:f.example:6"}},
		{"mod_rewrite", strings.Replace(head, "proxy:error", "rewrite:trace1", 1) + ` [client 192.0.2.1:5678] a.example - - [a.example/sid#1] b`,
			[]string{"client:192.0.2.1", "plain:5678", "client:a.example", "url: - - [a.example/sid#1] b"}},
		{"mod_rewrite, cut", strings.Replace(head, "proxy:error", "rewrite:trace1", 1) + ` [client 192.0.2.1:5678] a.exam`,
			[]string{"client:192.0.2.1", "plain:5678", "client:a.exam", "url:"}},
		{"mod_rewrite, a line in its head", head + ` [client 192.0.2.1:5678] a.example - - [a.example/sid#1] b`,
			[]string{"client:192.0.2.1", "plain:5678", "client:a.example", "url: - - [a.example/sid#1] b"}},
		{"the end of a client", head + ` a [b] /cnt a.example:5678] d`, nil},
		{"brackets of a message", head + ` a:1 [b:2] [::1]:80] c] 3]`, []string{"url:a:1 [b:2] [::1]:80] c] 3]"}},
		{"no message", head, []string{}},
		{"host name", head + ` [client a.example:5678] b`, []string{"client:a.example", "plain:5678", "url: b"}},
		{"no port", head + ` [client 192.0.2.1] a`, []string{"client:192.0.2.1", "url: a"}},
		{"no end of the client", head + ` [client 192.0.2.1`, []string{"url:[client ", "client:192.0.2.1"}},
		{"carriage return", head + " a\r", []string{"url:a"}},
		{"no space", head + `a`, nil},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out Line
			ok := newParser(t, "error").Parse([]byte(tt.line), &out)
			require.Equal(t, tt.fields != nil, ok)
			if !ok {
				return
			}
			want := slices.Concat(fields, tt.fields)
			if strings.Contains(tt.line, "rewrite:trace1") {
				want[1], want[2] = "plain:rewrite", "plain:trace1"
			}
			assert.Equal(t, want, spell([]byte(tt.line), out.Fields))
			assert.Equal(t, "2026-11-22", out.Day.String())
			if out.Client >= 0 {
				assert.Equal(t, Client, out.Fields[out.Client].Kind)
			}
		})
	}

	// httpd 2.2 logs no port.
	for _, tt := range []struct {
		line   string
		fields []string // nil: no match
	}{
		{`[Sun Nov 22 06:46:00 2026] [error] [client 192.0.2.1] a`, []string{"plain:Sun Nov 22 06:46:00 2026", "plain:error", "client:192.0.2.1", "url: a"}},
		{`[Sun Nov 22 06:46:00 2026] [error] [client 2001:db8::1:5678] a`, []string{"plain:Sun Nov 22 06:46:00 2026", "plain:error", "client:2001:db8::1:5678", "url: a"}},
		{`[Sun Nov 22 06:46:00 2026] [notice] caught SIGTERM`, []string{"plain:Sun Nov 22 06:46:00 2026", "plain:notice", "url:caught SIGTERM"}},
		{`[Sun Nov 22 06:46:00 2026] [192.0.2.1] a`, nil},
		{`[Sun Nov 22 06:46:00 2026] [core:in::db8:1fo] a`, nil},
		{`[Sun Nov 22 06:46:00 2026]`, nil},
		{`[Sun Nov 31 06:46:00 2026] [error] a`, nil},
		{`sh: 1: nonsense: not found`, nil},
		{``, nil},
	} {
		var out Line
		ok := newParser(t, "error").Parse([]byte(tt.line), &out)
		require.Equal(t, tt.fields != nil, ok, tt.line)
		if ok {
			assert.Equal(t, tt.fields, spell([]byte(tt.line), out.Fields))
		}
	}

	// httpd's time in ISO form.
	for _, tt := range []struct {
		line   string
		fields []string // nil: no match
	}{
		{`[2026-11-22 06:46:00.123456] [core:error] [pid 12:tid 34] [client 192.0.2.1:5678] AH1: a`,
			[]string{"plain:2026-11-22 06:46:00.123456", "plain:core", "plain:error", "plain:pid 12:tid 34", "client:192.0.2.1", "plain:5678", "url: AH1: a"}},
		{`[2026-11-22 06:46:00] [:error] [pid 12] [client 192.0.2.1] ModSecurity: a [hostname "h.example"]`,
			[]string{"plain:2026-11-22 06:46:00", "plain:error", "plain:pid 12", "client:192.0.2.1", `url: ModSecurity: a [hostname "h.example"]`}},
		{`[2026-11-22] [core:error] a`, nil},
		{`[2026/11/22 06:46:00] [core:error] a`, nil},
	} {
		for _, spec := range []string{"error", "auto"} {
			var out Line
			ok := newParser(t, spec).Parse([]byte(tt.line), &out)
			require.Equal(t, tt.fields != nil, ok, tt.line)
			if ok {
				assert.Equal(t, tt.fields, spell([]byte(tt.line), out.Fields))
				assert.Equal(t, "2026-11-22", out.Day.String())
				assert.True(t, out.Error)
			}
		}
	}
}

// TestPHPErrorLog: PHP's own error log, when it is not the server's.
func TestPHPErrorLog(t *testing.T) {
	const head = `[22-Nov-2026 06:46:00 Europe/Berlin]`
	for _, tt := range []struct {
		name, line string
		fields     []string // nil: no match
	}{
		{"warning", head + ` PHP Warning:  a in /x.php on line 3`, []string{"url: PHP Warning:  a in /x.php on line 3"}},
		{"no level", head + ` a of 192.0.2.1`, []string{"url: a of 192.0.2.1"}},
		{"a client in it", head + ` PHP Notice:  [client a.example] b`, []string{"url: PHP Notice:  [client ", "client:a.example", "url: b"}},
		{"no message", head, []string{"url:"}},
		{"an access log's line in it", head + ` PHP Nota.example - - [22/Nov/2026:06:46:00 +0000] "GET`, nil},
		{"the end of a client", head + ` PHP Notice:  a.example:5678] b`, nil},
		{"cut", head[:len(head)-1], nil},
	} {
		for _, spec := range []string{"error", "auto"} {
			t.Run(tt.name+"/"+spec, func(t *testing.T) {
				var out Line
				ok := newParser(t, spec).Parse([]byte(tt.line), &out)
				require.Equal(t, tt.fields != nil, ok)
				if !ok {
					return
				}
				assert.Equal(t, append([]string{"plain:" + head[1:len(head)-1]}, tt.fields...), spell([]byte(tt.line), out.Fields))
				assert.Equal(t, "2026-11-22", out.Day.String())
				assert.True(t, out.Error)
			})
		}
	}
}

func TestNginxErrorLog(t *testing.T) {
	const head = `2026/11/22 06:46:00 [error] 12#34:`
	fields := []string{"plain:2026/11/22 06:46:00", "plain:error", "plain:12#34"}
	for _, tt := range []struct {
		name, line string
		fields     []string // after those of head; nil: no match
	}{
		{"request", head + ` *56 open() "/x" failed (2: No such file), client: 192.0.2.1, server: a.example, request: "GET /x HTTP/1.1", host: "192.0.2.7"`,
			[]string{`url: *56 open() "/x" failed (2: No such file), client: `, "client:192.0.2.1", `url:a.example, request: "GET /x HTTP/1.1", host: "192.0.2.7"`}},
		{"IPv6", head + ` *56 closed, client: 2001:db8::1, server: [::]:443`, []string{"url: *56 closed, client: ", "client:2001:db8::1", "url:[::]:443"}},
		{"the client at the end", head + ` *56 client closed connection while waiting for request, client: 192.0.2.1`,
			[]string{"url: *56 client closed connection while waiting for request, client: ", "client:192.0.2.1", "url:"}},
		{"a UNIX socket", head + ` *56 a, client: unix:, server: a.example`, []string{"url: *56 a, client: unix:", "url:a.example"}},
		{"no client", head + ` signal process started`, []string{"url: signal process started"}},
		{"a client's text", head + ` *5 open() "/, client: 192.0.2.9, server: b" failed, client: 192.0.2.1, server: a`,
			[]string{`url: *5 open() "/, client: `, "client:192.0.2.9", `url:b" failed, client: `, "client:192.0.2.1", "url:a"}},
		{"a host name", head + ` *56 a, client: b.example, server: a.example`, nil},
		{"a client, cut", head + ` *56 a, client: 192.0.2.`, nil},
		{"a name's end", head + ` *56 open() "/xnt: b.example, server: a.example`, nil},
		{"the client missing", head + ` *56 open() "/x", server: a.example`, nil},
		{"a line in the client", head + ` *56 a, client: 192.0.2.1` + head + ` a`, nil},
		{"httpd's level", `2026/11/22 06:46:00 [core:error] 12#34: a`, nil},
		{"no process", `2026/11/22 06:46:00 [error] a: b`, nil},
		{"no date", `2026/13/22 06:46:00 [error] 12#34: a`, nil},
	} {
		for _, spec := range []string{"error", "auto"} {
			t.Run(tt.name+"/"+spec, func(t *testing.T) {
				var out Line
				ok := newParser(t, spec).Parse([]byte(tt.line), &out)
				require.Equal(t, tt.fields != nil, ok)
				if !ok {
					return
				}
				assert.Equal(t, slices.Concat(fields, tt.fields), spell([]byte(tt.line), out.Fields))
				assert.Equal(t, "2026-11-22", out.Day.String())
				assert.True(t, out.Error)
				if i := slices.IndexFunc(out.Fields, func(f Field) bool { return f.Kind == Client }); i >= 0 {
					assert.Equal(t, i, out.Client)
				}
			})
		}
	}
}
