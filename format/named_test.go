package format

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

const stamp = `[22/Nov/2026:06:46:00 +0000]`

func TestAuto(t *testing.T) {
	p := newParser(t, "auto")
	for _, tt := range []struct {
		name, line string
		fields     []string // nil: no match
		client     int
	}{
		{"common", `192.0.2.1 - - ` + stamp + ` "GET / HTTP/1.1" 200 5`,
			[]string{"client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:GET / HTTP/1.1", "plain:200", "plain:5"}, 0},
		{"combined", `2001:db8::1 - - ` + stamp + ` "-" 408 - "-" "-"`,
			[]string{"client:2001:db8::1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-"}, 0},
		{"combined with a carriage return", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-"` + "\r",
			[]string{"client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-"}, 0},
		{"TLS on a plain port", `192.0.2.1 - - ` + stamp + ` "\x16\x03\x01" 400 226 "-" "-"`,
			[]string{"client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, `request:\x16\x03\x01`, "plain:400", "plain:226", "url:-", "agent:-"}, 0},
		{"user with spaces", `192.0.2.1 - joe doe ` + stamp + ` "-" 401 -`,
			[]string{"client:192.0.2.1", "client:-", "text:joe doe", "plain:" + stamp, "request:-", "plain:401", "plain:-"}, 0},
		{"empty user", `192.0.2.1 - "" ` + stamp + ` "-" 401 -`,
			[]string{"client:192.0.2.1", "client:-", `text:""`, "plain:" + stamp, "request:-", "plain:401", "plain:-"}, 0},
		{"identity", `a.example ident joe ` + stamp + ` "-" 401 -`,
			[]string{"client:a.example", "client:ident", "text:joe", "plain:" + stamp, "request:-", "plain:401", "plain:-"}, 0},
		{"vhost_combined", `www.example.org:80 192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-"`,
			[]string{"url:www.example.org", "plain:80", "client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-"}, 2},
		{"vhost_combined of an IPv6 host", `[2001:db8::7]:80 192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-"`,
			[]string{"url:[2001:db8::7]", "plain:80", "client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-"}, 2},
		{"vhost_common", `www.example.org 192.0.2.1 - joe doe ` + stamp + ` "-" 408 -`,
			[]string{"url:www.example.org", "client:192.0.2.1", "client:-", "text:joe doe", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 1},
		{"an IPv6 address is not cut at its last group", `2001:db8::80 ident joe doe ` + stamp + ` "-" 408 -`,
			[]string{"client:2001:db8::80", "client:ident", "client:joe", "text:doe", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 0},
		{"two host names", `a.example www.example.org - - ` + stamp + ` "-" 408 -`,
			[]string{"client:a.example", "client:www.example.org", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 1},
		{"a host name behind a port", `www.example.org:443 a.example - - ` + stamp + ` "-" 408 -`,
			[]string{"url:www.example.org", "plain:443", "client:a.example", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 2},
		{"a host name behind a port that is no server's", `b.example:11111 a.example - - ` + stamp + ` "-" 408 -`,
			[]string{"client:b.example", "plain:11111", "client:a.example", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 2},
		{"a host name in brackets", `[a.example] 192.0.2.1 - - ` + stamp + ` "-" 408 -`,
			[]string{"client:[a.example]", "client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 1},
		{"combinedio", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-" 812 1024`,
			[]string{"client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-", "plain:812", "plain:1024"}, 0},
		{"nginx's main", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-" "198.51.100.1, 2001:db8::1"`,
			[]string{"client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-", "list:198.51.100.1, 2001:db8::1"}, 0},
		{"further fields of all kinds", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-" -1 - 0.005 5ms "dsl-1.example.net" "a \"b\" 192.0.2.9" "2.35" "TLSv1.3"`,
			[]string{"client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-", "url:-", "agent:-",
				"plain:-1", "plain:-", "plain:0.005", "plain:5ms", "list:dsl-1.example.net", `url:a \"b\" 192.0.2.9`, "url:2.35", "url:TLSv1.3"}, 0},
		{"common with further fields", `192.0.2.1 - "" ` + stamp + ` "-" 408 - 17 "-"` + "\r",
			[]string{"client:192.0.2.1", "client:-", `text:""`, "plain:" + stamp, "request:-", "plain:408", "plain:-", "plain:17", "url:-"}, 0},
		{"a word behind that is none of them", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-" dsl-1.example.net`, nil, 0},
		{"an open quote behind", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-" "a`, nil, 0},
		{"an address behind", `192.0.2.1 - - ` + stamp + ` "-" 408 - "-" "-" 1.2.3`, nil, 0},
		{"ssl_request_log", stamp + ` 192.0.2.1 TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 "-" 1375`,
			[]string{"plain:" + stamp, "client:192.0.2.1", "text:TLSv1.2", "text:ECDHE-RSA-AES128-GCM-SHA256", "request:-", "plain:1375"}, 1},
		{"ssl_request_log of a host name with a blank", stamp + ` a.example b - - "-" 1375 "agent"`,
			[]string{"plain:" + stamp, "client:a.example b", "text:-", "text:-", "request:-", "plain:1375", "url:agent"}, 1},
		{"a forwarded list", `198.51.100.16, 203.0.113.22 - - ` + stamp + ` "-" 408 -`,
			[]string{"client:198.51.100.16, 203.0.113.22", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 0},
		{"a virtual host before a forwarded list", `www.example.org:443 2001:db8::1, 203.0.113.22 - - ` + stamp + ` "-" 408 -`,
			[]string{"url:www.example.org", "plain:443", "client:2001:db8::1, 203.0.113.22", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 2},
		{"a virtual host behind the client", `198.51.100.2:11111 www.example.org:443 - - ` + stamp + ` "-" 408 -`,
			[]string{"client:198.51.100.2:11111", "url:www.example.org:443", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 0},
		{"a name behind the client, which may be the client's", `198.51.100.2 www.example.org - - ` + stamp + ` "-" 408 -`,
			[]string{"client:198.51.100.2", "client:www.example.org", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 0},
		{"error log", `[Sun Nov 22 06:46:00 2026] [error] [client 192.0.2.1] a`,
			[]string{"plain:Sun Nov 22 06:46:00 2026", "plain:error", "client:192.0.2.1", "url: a"}, 2},
		{"a virtual host that looks like the error log", `[::1]:80 192.0.2.1 - - ` + stamp + ` "-" 408 -`,
			[]string{"url:[::1]", "plain:80", "client:192.0.2.1", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 2},
		{"json", `{"client":"192.0.2.1"}`, []string{"text:client", "client:192.0.2.1"}, 1},
		{"json cut in half", `{"client":"192.0.2.1`, nil, 0},
		{"half a line", `192.0.2.1 - - ` + stamp + ` "GET /`, nil, 0},
		{"empty", ``, nil, 0},
		{"no space", `192.0.2.1`, nil, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out Line
			ok := p.Parse([]byte(tt.line), &out)
			require.Equal(t, tt.fields != nil, ok)
			if ok {
				assert.Equal(t, tt.fields, spell([]byte(tt.line), out.Fields))
				assert.Equal(t, tt.client, out.Client)
				assert.Equal(t, out.HasDay, tt.name != "json")
			}
		})
	}
}

// TestAutoHosts: which of two words before the identity is the client.
func TestAutoHosts(t *testing.T) {
	p := newParser(t, "auto")
	for _, tt := range []struct{ head, client string }{
		// results from before there was a table
		{`192.0.2.1`, `192.0.2.1`},
		{`2001:db8::1`, `2001:db8::1`},
		{`a.example`, `a.example`},
		{`www.example.org 192.0.2.1`, `192.0.2.1`},
		{`www.example.org:80 192.0.2.1`, `192.0.2.1`},
		{`www.example.org:443 2001:db8::1`, `2001:db8::1`},
		{`[2001:db8::7]:80 192.0.2.1`, `192.0.2.1`},
		{`www.example.org a.example`, `a.example`},
		{`www.example.org:443 a.example`, `a.example`},

		{`www.example.org 192.0.2.1:11111`, `192.0.2.1:11111`},
		{`www.example.org:11111 192.0.2.1:443`, `192.0.2.1:443`},
		{`www 192.0.2.1`, `192.0.2.1`},

		{`192.0.2.1 www.example.org`, `192.0.2.1`},
		{`192.0.2.1:11111 www.example.org`, `192.0.2.1:11111`},
		{`192.0.2.1 www.example.org:443`, `192.0.2.1`},
		{`192.0.2.1:443 www.example.org:11111`, `192.0.2.1:443`},
		{`192.0.2.1:443 a.example`, `a.example`},
		{`192.0.2.1:8080 a.example`, `a.example`},
		{`192.0.2.1:8443 a.example`, `a.example`},
		{`192.0.2.1:1023 a.example`, `a.example`},
		{`192.0.2.1:1024 www.example.org`, `192.0.2.1:1024`},
		{`2001:db8::1 www.example.org`, `2001:db8::1`},
		{`2001:db8::443 www.example.org`, `2001:db8::443`},
		{`[2001:db8::1]:11111 www.example.org`, `[2001:db8::1]:11111`},
		{`[2001:db8::1]:443 a.example`, `a.example`},

		{`192.0.2.7:443 192.0.2.1`, `192.0.2.1`},
		{`192.0.2.1:11111 192.0.2.7`, `192.0.2.1:11111`},
		{`[2001:db8::7]:8443 2001:db8::1`, `2001:db8::1`},
		{`[2001:db8::1]:50000 2001:db8::7`, `[2001:db8::1]:50000`},
		{`192.0.2.1:11111 192.0.2.7:443`, `192.0.2.1:11111`},

		{`192.0.2.7 192.0.2.1`, `192.0.2.1`},
		{`2001:db8::7 2001:db8::1`, `2001:db8::1`},
		{`192.0.2.1 192.0.2.7:443`, `192.0.2.1`}, // whose port is not the server's
		{`192.0.2.7 192.0.2.1:11111`, `192.0.2.1:11111`},
		{`a.example www.example.org:443`, `a.example`},
		{`www.example.org a.b.c`, `a.b.c`},
		{`a.example:11111 www.example.org:443`, `a.example:11111`},
		{`www.example.org:443 a.example:11111`, `a.example:11111`},
		{`www.example.org:80 b.example:443`, `b.example:443`},

		{`198.51.100.16, 203.0.113.22`, `198.51.100.16, 203.0.113.22`},
		{`198.51.100.16,203.0.113.22`, `198.51.100.16,203.0.113.22`},
		{`2001:db8::1, a.example, 203.0.113.22`, `2001:db8::1, a.example, 203.0.113.22`},
		{`192.0.2.4 198.51.100.16, 203.0.113.22`, `198.51.100.16, 203.0.113.22`},
		{`192.0.2.4 a.example, 203.0.113.22`, `a.example, 203.0.113.22`},
		{`192.0.2.7:443 198.51.100.16,203.0.113.22`, `198.51.100.16,203.0.113.22`},
		{`www.example.org 198.51.100.16, 203.0.113.22`, `198.51.100.16, 203.0.113.22`},
		{`www.example.org:443 198.51.100.16, 203.0.113.22, 203.0.113.23`, `198.51.100.16, 203.0.113.22, 203.0.113.23`},
	} {
		for _, user := range []string{"- -", "- joe doe", `- ""`} {
			for _, behind := range []string{"", ` "-" "Mozilla/5.0"`, ` 17`, ` "-" "Mozilla/5.0" 812 1024`, ` "-" "Mozilla/5.0" "203.0.113.5"`} {
				line := []byte(tt.head + " " + user + " " + stamp + ` "GET /a HTTP/1.1" 200 471` + behind)
				var out Line
				require.True(t, p.Parse(line, &out), "%s", line)
				client := out.Fields[out.Client]
				assert.Equal(t, tt.client, string(line[client.Start:client.End]), "%s", line)
				assert.Contains(t, []Kind{Client, ClientList}, client.Kind, "%s", line)
				assert.Equal(t, "/a", string(out.Target), "%s", line)
				assert.Equal(t, 200, out.Status)
				assert.True(t, out.HasDay)
				(&fastParser{"auto", p.(FastParser)}).requireEqual(t, line)
				assert.Zero(t, testing.AllocsPerRun(10, func() { p.Parse(line, &out) }), "%s", line)
			}
		}
	}
	// An identity may follow RFC 1413, and is not a host.
	for _, line := range []string{
		`198.51.100.99 9999 - ` + stamp + ` "GET /a HTTP/1.1" 200 471`,
		`198.51.100.99 ident joe ` + stamp + ` "GET /a HTTP/1.1" 200 471`,
		`198.51.100.99 ident joe doe ` + stamp + ` "GET /a HTTP/1.1" 200 471`,
	} {
		var out Line
		require.True(t, p.Parse([]byte(line), &out), line)
		assert.Equal(t, "client:198.51.100.99", spell([]byte(line), out.Fields)[out.Client], line)
	}
}

func TestNew(t *testing.T) {
	for _, spec := range append(strings.Split(Names, ", "), "%h") {
		_, err := New(spec, time.UTC, nil)
		assert.NoError(t, err, spec)
	}
	_, err := New("combinde", time.UTC, nil)
	assert.EqualError(t, err, `unknown format "combinde"; hint: use auto, combined, common, combinedio, vhost_combined, vhost_common, ssl_request_log, main, json, error, `+
		`or a LogFormat string such as '%h %l %u %t "%r" %>s %b'`)
	_, err = New("%", time.UTC, nil)
	assert.IsType(t, &FormatError{}, err)
	for _, spec := range []string{"auto", "json"} {
		_, err = New(spec, time.UTC, []string{"nonsense"})
		assert.Error(t, err, spec)
	}
}

// TestNamedVirtualHost: a named format keeps the server's name.
func TestNamedVirtualHost(t *testing.T) {
	line := []byte(`192.0.2.7 192.0.2.1 - - ` + stamp + ` "-" 408 -`)
	var out Line
	require.True(t, newParser(t, "vhost_common").Parse(line, &out))
	assert.Equal(t, []string{"plain:192.0.2.7", "client:192.0.2.1"}, spell(line, out.Fields[:2]))
}

// TestClientAsked: Options.Client selects the client among several fields.
func TestClientAsked(t *testing.T) {
	const vhost = `%v:%p %h %l %u %t "%r" %>s %b %{X-Forwarded-For}i`
	line := `meet.example.org:443 192.0.2.4 - - ` + stamp + ` "GET /a HTTP/1.1" 200 5 198.51.100.1`
	json := `{"remote_addr":"192.0.2.4","x":{"edge_ip":"198.51.100.1"}}`
	for _, tt := range []struct{ format, client, line, want string }{
		{vhost, "", line, "client:192.0.2.4"},
		{vhost, "X-Forwarded-For", line, "list:198.51.100.1"},
		{vhost, "x-forwarded-for", line, "list:198.51.100.1"},
		{`%h %t %{Edge}i`, "Edge", `192.0.2.4 ` + stamp + ` a.example`, "client:a.example"},
		{`%h %t %{EDGE_ADDR}e`, "EDGE_ADDR", `192.0.2.4 ` + stamp + ` 198.51.100.1`, "client:198.51.100.1"},
		{"main", "X-Forwarded-For", `192.0.2.4 - - ` + stamp + ` "GET /a HTTP/1.1" 200 5 "-" "-" "198.51.100.1, 192.0.2.5"`, "list:198.51.100.1, 192.0.2.5"},
		{"json", "", json, "client:192.0.2.4"},
		{"json", "edge_ip", json, "client:198.51.100.1"},
		{"auto", "edge_ip", json, "client:198.51.100.1"},
		{"auto", "edge_ip", `192.0.2.4 - - ` + stamp + ` "GET /a HTTP/1.1" 200 5`, ""},
		{"auto", "edge_ip", `{"log":"192.0.2.4 - - ` + stamp + ` \"GET /a HTTP/1.1\" 200 5"}`, ""},
		{"auto", "edge_ip", `web-1 | 192.0.2.4 - - ` + stamp + ` "GET /a HTTP/1.1" 200 5`, ""},
	} {
		p, err := NewWith(tt.format, time.UTC, Options{Client: tt.client})
		require.NoError(t, err)
		var out Line
		require.True(t, p.Parse([]byte(tt.line), &out), tt.line)
		got := ""
		if out.Client >= 0 {
			got = spell([]byte(tt.line), out.Fields)[out.Client]
		}
		assert.Equal(t, tt.want, got, "%s %s", tt.format, tt.client)
	}
	for _, tt := range []struct{ format, client, want string }{
		{"combined", "X-Forwarded-For", `client "X-Forwarded-For": no directive of the format %h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" has this argument`},
		{"error", "X", `client "X": an error log has one client`},
		{"json", "a=b", `client "a=b": give the name of one header, variable or JSON key`},
	} {
		_, err := NewWith(tt.format, time.UTC, Options{Client: tt.client})
		assert.EqualError(t, err, tt.want)
	}
}
