package filter

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

const (
	viaHeader    = `%h %l %u %t "%r" %>s %b "%{X-Forwarded-For}i"`
	viaForwarded = `%a %t "%r" %>s "%{Forwarded}i"`
	proxyRequest = ` [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200`
)

// proxied are lines behind the proxies 10.0.0.0/8 and 198.51.100.0/24, and the clients that
// count. All addresses of a line are replaced, whichever counts.
var proxied = []struct{ name, format, line, client string }{
	{"from the proxy", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.1"`, "192.0.2.1"},
	{"past the proxy", viaHeader, `203.0.113.9 - -` + proxyRequest + ` 5 "192.0.2.1"`, "203.0.113.9"},
	{"made up by the client", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.66, 192.0.2.1"`, "192.0.2.1"},
	{"through two proxies", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.66, 192.0.2.1, 10.0.0.2"`, "192.0.2.1"},
	{"through one that is not known", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.1, 203.0.113.7, 10.0.0.2"`, "203.0.113.7"},
	{"from a proxy itself", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "10.0.0.3, 10.0.0.2"`, "10.0.0.3"},
	{"no header", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "-"`, "10.0.0.1"},
	{"an empty element", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.1, "`, "10.0.0.1"},
	{"no address", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.1, unknown, 10.0.0.2"`, "10.0.0.2"},
	{"with ports", viaHeader, `10.0.0.1:4711 - -` + proxyRequest + ` 5 "[2001:db8::1]:99, 10.0.0.2:80"`, "2001:db8::1"},
	{"private, from an internal proxy", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.168.7.7"`, "192.168.7.7"},
	{"private, from another proxy", viaHeader, `198.51.100.1 - -` + proxyRequest + ` 5 "192.168.7.7"`, "198.51.100.1"},
	{"link-local, from another proxy", viaHeader, `198.51.100.1 - -` + proxyRequest + ` 5 "fe80::1"`, "198.51.100.1"},
	{"IPv4 as IPv6", viaHeader, `::ffff:10.0.0.1 - -` + proxyRequest + ` 5 "::ffff:192.0.2.1"`, "192.0.2.1"},
	{"a proxy by name", viaHeader, `proxy.example.org - -` + proxyRequest + ` 5 "192.0.2.1"`, "proxy.example.org"},
	{"a long list", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "` + strings.Repeat("192.0.2.66,", 30) + "192.0.2.1" + strings.Repeat(", 10.9.9.9", 30) + `"`, "192.0.2.1"},
	{"in quotes", viaHeader, `10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.66, \"192.0.2.1\""`, "192.0.2.1"},

	{"the connection's peer", `%a %{c}a %t "%r" %>s %{X-Forwarded-For}i`, `192.0.2.66 10.0.0.1` + proxyRequest + ` 192.0.2.1`, "192.0.2.1"},
	{"an address beside a name", `%h %a %t "%r" %>s %{X-Forwarded-For}i`, `proxy.example.org 10.0.0.1` + proxyRequest + ` 192.0.2.1`, "192.0.2.1"},
	{"one address in a header", `%h %t "%r" %>s %{X-Real-IP}i`, `10.0.0.1` + proxyRequest + ` 192.0.2.1`, "192.0.2.1"},
	{"a list before a header", `%h %t "%r" %>s %{X-Real-IP}i %{X-Forwarded-For}i`, `10.0.0.1` + proxyRequest + ` 192.0.2.66 192.0.2.1`, "192.0.2.1"},
	{"the list first", `%{X-Forwarded-For}i,%a %t "%r" %>s`, `192.0.2.66, 192.0.2.1,10.0.0.1` + proxyRequest, "192.0.2.1"},
	{"Forwarded", viaForwarded, `10.0.0.1` + proxyRequest + ` "for=192.0.2.66, for=192.0.2.1;proto=https, by=192.0.2.67;For=\"10.0.0.2:80\""`, "192.0.2.1"},
	{"Forwarded, IPv6", viaForwarded, `10.0.0.1` + proxyRequest + ` "proto=https;for=\"[2001:db8::1]:4711\""`, "2001:db8::1"},
	{"Forwarded, hidden", viaForwarded, `10.0.0.1` + proxyRequest + ` "for=192.0.2.1, for=_hidden"`, "10.0.0.1"},
	{"Forwarded, nobody", viaForwarded, `10.0.0.1` + proxyRequest + ` "for=192.0.2.1, proto=https"`, "10.0.0.1"},

	{"nginx's main", "main", `10.0.0.1 - -` + proxyRequest + ` 5 "-" "curl/8.5.0" "192.0.2.66, 192.0.2.1"`, "192.0.2.1"},
	{"main, by itself", "auto", `10.0.0.1 - -` + proxyRequest + ` 5 "-" "curl/8.5.0" "192.0.2.66, 192.0.2.1"`, "192.0.2.1"},
	{"with a host behind main", "auto", `10.0.0.1 - -` + proxyRequest + ` 5 "-" "curl/8.5.0" "meet.example.org" "192.0.2.1"`, "192.0.2.1"},
	{"combined", "auto", `10.0.0.1 - -` + proxyRequest + ` 5 "-" "curl/8.5.0"`, "10.0.0.1"},
	{"with a virtual host", "auto", `meet.example.org 10.0.0.1 - -` + proxyRequest + ` 5 "-" "curl/8.5.0" "192.0.2.1"`, "192.0.2.1"},
	{"a list in place of the peer", "auto", `192.0.2.1, 10.0.0.1 - -` + proxyRequest + ` 5`, ""},

	{"JSON of nginx", "auto", `{"time_iso8601":"2026-11-22T07:23:55+00:00","http_x_forwarded_for":"192.0.2.66, 192.0.2.1, 10.0.0.2","remote_addr":"10.0.0.1","request_uri":"/http-bind?room=r","status":200}`, "192.0.2.1"},
	{"JSON, past the proxy", "json", `{"time_iso8601":"2026-11-22T07:23:55+00:00","http_x_forwarded_for":"192.0.2.66","remote_addr":"203.0.113.9","request_uri":"/http-bind?room=r","status":200}`, "203.0.113.9"},
	{"JSON without a peer", "json", `{"time_iso8601":"2026-11-22T07:23:55+00:00","http_x_forwarded_for":"192.0.2.66","request_uri":"/http-bind?room=r","status":200}`, ""},
	{"JSON of Caddy, two headers", "json", `{"ts":1795332235.1,"request":{"remote_ip":"10.0.0.1","client_ip":"10.0.0.1","uri":"/http-bind?room=r","headers":{"X-Forwarded-For":["192.0.2.66, 192.0.2.1","10.0.0.2"]}},"status":200}`, "192.0.2.1"},
	{"JSON of Traefik", "json", `{"ClientAddr":"10.0.0.1:63239","ClientHost":"192.0.2.66","request_X-Forwarded-For":"192.0.2.1","RequestPath":"/http-bind?room=r","DownstreamStatus":200,"time":"2026-11-22T07:23:55Z"}`, "192.0.2.1"},
	{"JSON, a number", "json", `{"time":"2026-11-22T07:23:55Z","remote_ip":"10.0.0.1","xff":3221225985,"request":"GET /http-bind?room=r HTTP/1.1"}`, "10.0.0.1"},
	{"JSON in Docker", "json", `{"log":"{\"remote_ip\":\"10.0.0.1\",\"xff\":\"192.0.2.66, 192.0.2.1\",\"request\":\"GET /http-bind?room=r HTTP/1.1\"}\n","stream":"stdout","time":"2026-11-22T07:23:55Z"}`, "192.0.2.1"},
	{"main in Docker", "main", `{"log":"10.0.0.1 - - [22/Nov/2026:07:23:55 +0000] \"GET /http-bind?room=r HTTP/1.1\" 200 5 \"-\" \"curl\" \"192.0.2.66, 192.0.2.1\"\n","stream":"stdout","time":"2026-11-22T07:23:55Z"}`, "192.0.2.1"},
	{"main behind syslog", "main", `<134>Nov 22 07:23:56 web1 nginx: 10.0.0.1 - -` + proxyRequest + ` 5 "-" "curl" "192.0.2.66, 192.0.2.1"`, "192.0.2.1"},
}

func proxyConfig(t testing.TB, spec string, opt format.Options) Config {
	cfg := newConfig(t, "common")
	var err error
	opt.Proxies = true
	cfg.Parser, err = format.NewWith(spec, time.UTC, opt)
	require.NoError(t, err)
	cfg.Proxies, err = pseudonym.ParseNetworks("10.0.0.0/8,198.51.100.0/24")
	require.NoError(t, err)
	return cfg
}

func TestProxies(t *testing.T) {
	test := func(t *testing.T, spec string, opt format.Options, line, client string) {
		f := New(proxyConfig(t, spec, opt), newCalendar())
		lines, records := treatOne(f, line+"\n", nil, nil)
		var want []string
		if client != "" {
			plain := New(newConfig(t, "common"), newCalendar())
			_, want = treatOne(plain, client+" - -"+proxyRequest+" 5\n", nil, nil)
		}
		assert.Equal(t, want, records, "who counts")
		assert.Equal(t, client == "", f.Stats().WithoutClient == 1)
		require.Len(t, lines, 1)
		for _, address := range []string{"10.0.0.", "192.0.2.", "203.0.113.", "192.168.", "2001:db8::", "proxy.example"} {
			assert.NotContains(t, lines[0], address)
		}

		// Without proxies the treated line is the same, except for what is struck out because
		// the counted client is beyond the bounds of a list.
		opt.Proxies = false
		cfg := newConfig(t, "common")
		cfg.Parser, _ = format.NewWith(spec, time.UTC, opt)
		without, _ := treatOne(New(cfg, newCalendar()), line+"\n", nil, nil)
		if !strings.Contains(lines[0], ", -,") && !strings.Contains(lines[0], ",-,") {
			assert.Equal(t, without, lines)
		}

		b, all := &Batch{}, []byte(line+"\n")
		assert.Zero(t, testing.AllocsPerRun(20, func() {
			b.Reset()
			f.renew()
			f.treatLines(b, all)
		}))
		assert.Zero(t, f.Stats().Malformed)
	}
	for _, tt := range proxied {
		t.Run(tt.name, func(t *testing.T) { test(t, tt.format, format.Options{}, tt.line, tt.client) })
	}
	for _, tt := range []struct{ name, format, field, line, client string }{
		{"the list by name", `%h %t "%r" %>s %{X-Forwarded-For}i %{X-Azure-ClientIP}i`, "X-Azure-ClientIP", `10.0.0.1` + proxyRequest + ` 192.0.2.66 192.0.2.1`, "192.0.2.1"},
		{"the list by key", "json", "seen_by_edge", `{"time":"2026-11-22T07:23:55Z","remote_ip":"10.0.0.1","xff":"192.0.2.66","seen_by_edge":"192.0.2.1","request":"GET /http-bind?room=r HTTP/1.1"}`, "192.0.2.1"},
		{"a line without that key", "json", "seen_by_edge", `{"time":"2026-11-22T07:23:55Z","remote_ip":"10.0.0.1","xff":"192.0.2.66","request":"GET /http-bind?room=r HTTP/1.1"}`, "10.0.0.1"},
	} {
		t.Run(tt.name, func(t *testing.T) { test(t, tt.format, format.Options{Client: tt.field}, tt.line, tt.client) })
	}
	t.Run("the peer by key", func(t *testing.T) {
		test(t, "json", format.Options{JSONKeys: []string{"client=edge"}},
			`{"time":"2026-11-22T07:23:55Z","remote_ip":"203.0.113.9","edge":"10.0.0.1","xff":"192.0.2.1","request":"GET /http-bind?room=r HTTP/1.1"}`, "192.0.2.1")
	})
}

func TestProxyNetworks(t *testing.T) {
	for _, tt := range []struct {
		nets    string
		in, out string
	}{
		{"10.0.0.0/8", "10.0.0.0 10.255.255.255 ::ffff:10.1.1.1", "9.255.255.255 11.0.0.0 ::10.0.0.1"},
		{"10.1.2.3/8", "10.0.0.1", "11.0.0.1"}, // its host bits do not count
		{"192.0.2.1, 192.0.2.3", "192.0.2.1 192.0.2.3", "192.0.2.2 192.0.2.4 192.0.2.0"},
		{"10.0.0.0/8,10.0.0.0/16,10.5.0.0/24,10.0.0.1", "10.5.1.1 10.0.0.1 10.200.0.1", "11.0.0.1"},
		{"2001:db8::/33,::1", "2001:db8::1 2001:db8:7fff:ffff:ffff:ffff:ffff:ffff ::1", "2001:db8:8000:: ::2 ::"},
		{"::ffff:10.0.0.0/104", "10.0.0.1", "11.0.0.1"},
		{"0.0.0.0/0", "0.0.0.0 255.255.255.255", "::1 2001:db8::1"},
		{"::/0", "::1 10.0.0.1", ""},
	} {
		p, err := pseudonym.ParseNetworks(tt.nets)
		require.NoError(t, err, tt.nets)
		for want, list := range map[bool]string{true: tt.in, false: tt.out} {
			for text := range strings.FieldsSeq(list) {
				a, ok := hopAddr([]byte(text))
				require.True(t, ok, text)
				assert.Equal(t, want, p.Has(a), "%s in %s", text, tt.nets)
			}
		}
	}
	for _, nets := range []string{"", "10.0.0.0/33", "10.0.0", "proxy.example.org", "10.0.0.0/8,", "fe80::1%eth0", "fe80::1%eth0/64", "10.0.0.0/255.0.0.0", "10.0.0.0/-1"} {
		_, err := pseudonym.ParseNetworks(nets)
		assert.ErrorContains(t, err, "is not a network; hint: give some as 10.0.0.0/8,2001:db8::/32", nets)
	}
}

// A format is refused if it lacks the peer or a forwarded list, or does not separate them.
func TestProxiesRefused(t *testing.T) {
	for _, tt := range []struct{ format, reason string }{
		{"combined", "the format has no list of clients (such as %{X-Forwarded-For}i)"},
		{"error", "an error log has one client"},
		{`%{X-Forwarded-For}i %t "%r"`, "the format has no peer (%h, %a or %{c}a)"},
		{`%a%{X-Forwarded-For}i %t "%r"`, "there is nothing between the peer and the list of clients in the format"},
	} {
		_, err := format.NewWith(tt.format, time.UTC, format.Options{Proxies: true})
		bad := (*format.ProxiesError)(nil)
		require.ErrorAs(t, err, &bad, tt.format)
		assert.Equal(t, tt.reason, bad.Reason)
	}
}

// BenchmarkProxies: the time to find the client depends on the length of the list, and not on
// the number of networks.
func BenchmarkProxies(b *testing.B) {
	var nets []string
	for i := range 100 {
		nets = append(nets, fmt.Sprintf("10.%d.0.0/16", i))
	}
	for _, n := range []int{1, 1000} {
		b.Run(fmt.Sprintf("hops=%d", n), func(b *testing.B) {
			cfg := proxyConfig(b, viaHeader, format.Options{})
			cfg.Proxies, _ = pseudonym.ParseNetworks(nets...)
			f := New(cfg, newCalendar())
			line := []byte(`10.0.0.1 - -` + proxyRequest + ` 5 "192.0.2.1` + strings.Repeat(",10.9.9.9", n) + `"` + "\n")
			batch := &Batch{}
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				f.renew()
				f.treatLines(batch, line)
			}
			require.Zero(b, f.Stats().WithoutClient+f.Stats().Malformed)
		})
	}
}
