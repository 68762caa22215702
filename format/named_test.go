package format

import (
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
			[]string{"client:2001:db8::80", "client:ident", "client:joe", "text:doe", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 1},
		{"two host names", `a.example www.example.org - - ` + stamp + ` "-" 408 -`,
			[]string{"client:a.example", "client:www.example.org", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 1},
		{"a host name behind a port", `www.example.org:443 a.example - - ` + stamp + ` "-" 408 -`,
			[]string{"url:www.example.org", "plain:443", "client:a.example", "client:-", "text:-", "plain:" + stamp, "request:-", "plain:408", "plain:-"}, 2},
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

func TestNew(t *testing.T) {
	for _, spec := range []string{"auto", "combined", "common", "vhost_combined", "vhost_common", "json", "error", "%h"} {
		_, err := New(spec, time.UTC, nil)
		assert.NoError(t, err, spec)
	}
	_, err := New("combinde", time.UTC, nil)
	assert.EqualError(t, err, `unknown format "combinde": use auto, combined, common, vhost_combined, vhost_common, json, error, `+
		`or a LogFormat string such as '%h %l %u %t "%r" %>s %b'`)
	_, err = New("%", time.UTC, nil)
	assert.IsType(t, &FormatError{}, err)
	for _, spec := range []string{"auto", "json"} {
		_, err = New(spec, time.UTC, []string{"nonsense"})
		assert.Error(t, err, spec)
	}
}

// TestNamedVirtualHost: a named format takes the server's name as it is.
func TestNamedVirtualHost(t *testing.T) {
	line := []byte(`192.0.2.7 192.0.2.1 - - ` + stamp + ` "-" 408 -`)
	var out Line
	require.True(t, newParser(t, "vhost_common").Parse(line, &out))
	assert.Equal(t, []string{"plain:192.0.2.7", "client:192.0.2.1"}, spell(line, out.Fields[:2]))
}
