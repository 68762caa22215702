package format

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func compile(t testing.TB, logFormat string) *LogFormat {
	p, err := Compile(logFormat, time.UTC)
	require.NoError(t, err)
	return p
}

// TestLogFormat has a line for each directive or oddity.
func TestLogFormat(t *testing.T) {
	for _, tt := range []struct {
		name, format, line string
		fields             []string // nil: no match
	}{
		// Directives.
		{"addresses", `%a %{c}a %h %{c}h %A`, `192.0.2.1 192.0.2.2 a.example b.example 203.0.113.1`,
			[]string{"client:192.0.2.1", "client:192.0.2.2", "client:a.example", "client:b.example", "plain:203.0.113.1"}},
		{"numbers", `%B %b %D %I %O %S %k %s %>s %<s %p %{remote}p %P %{tid}P %T %{us}T %^FB`, `0 - 1 2 3 4 5 200 404 301 443 5678 12 34 0 -7 -`,
			[]string{"plain:0", "plain:-", "plain:1", "plain:2", "plain:3", "plain:4", "plain:5", "plain:200", "plain:404", "plain:301", "plain:443",
				"plain:5678", "plain:12", "plain:34", "plain:0", "plain:-7", "plain:-"}},
		{"a number is verified", `%h %b`, `192.0.2.1 12x`, nil},
		{"a number has at most 20 digits", `%h %b`, `192.0.2.1 123456789012345678901`, nil},
		{"connection state", `%h%X`, `192.0.2.1+`, []string{"client:192.0.2.1", "plain:+"}},
		{"text", `%f|%l|%m|%H|%R|%L|%u|%V`, `/srv/a b|-|GET|HTTP/1.1|proxy:x|aZ+/|joe|b.example`,
			[]string{"text:/srv/a b", "client:-", "text:GET", "text:HTTP/1.1", "text:proxy:x", "text:aZ+/", "text:joe", "text:b.example"}},
		{"named", `%{Foo}i,%{Foo}o,%{foo}C,%{foo}e,%{foo}n,%{SSL_PROTOCOL}x,%{cipher}c,%{Foo}^ti,%{Foo}^to`, `a,b,c,d,e,f,g,h,i`,
			[]string{"text:a", "text:b", "text:c", "text:d", "text:e", "text:f", "text:g", "text:h", "text:i"}},
		{"headers with addresses", `%{X-Forwarded-For}i|%{forwarded}i|%{X-REAL-IP}i|%{HTTP_CF_CONNECTING_IP}e|%{True-Client-IP}n|%{REMOTE_ADDR}x`,
			`10.0.0.1, 192.0.2.1|for=192.0.2.1|192.0.2.2|192.0.2.3|192.0.2.4|192.0.2.5`,
			[]string{"list:10.0.0.1, 192.0.2.1", "forwarded:for=192.0.2.1", "client:192.0.2.2", "client:192.0.2.3", "client:192.0.2.4", "client:192.0.2.5"}},
		{"url and agent", `"%{Referer}i" "%{User-agent}i" "%U" "%q"`, `"http://a.example/" "curl/8.5.0" "/a b" "?c=d"`,
			[]string{"url:http://a.example/", "agent:curl/8.5.0", "url:/a b", "url:?c=d"}},
		{"unknown directive", `%h %Z %{x}Y %{foo}p`, `192.0.2.1 a b foo`, []string{"client:192.0.2.1", "text:a", "text:b", "text:foo"}},
		{"percent", `100%% %h`, `100% 192.0.2.1`, []string{"client:192.0.2.1"}},

		// Modifiers.
		{"status list", `%!200,304{Referer}i %400,501{User-agent}i %{X}>i %<{Y}i`, `- curl a b`, []string{"url:-", "agent:curl", "text:a", "text:b"}},
		{"a condition that is not met", `%h %400t`, `192.0.2.1 -`, []string{"client:192.0.2.1", "plain:-"}},
		{"a condition that is met", `%h %400t`, `192.0.2.1 [22/Nov/2026:06:46:00 +0000]`, []string{"client:192.0.2.1", "plain:[22/Nov/2026:06:46:00 +0000]"}},

		// Escapes.
		{"escapes of the format", `%h\t\"%r\"\\%u\n`, "192.0.2.1\t\"GET / HTTP/1.1\"\\joe", []string{"client:192.0.2.1", "request:GET / HTTP/1.1", "text:joe"}},
		{"unknown escape", `\q%h`, `\q192.0.2.1`, []string{"client:192.0.2.1"}},
		{"escapes of a value", `"%{User-agent}i" %b`, `"a\"b\\" 5`, []string{`agent:a\"b\\`, "plain:5"}},
		{"a quote that no client can write", `"%{User-agent}i" %b`, `"a\\"b" 5`, nil},
		{"empty values", `"%{Foo}i" %q|%b`, `"" |0`, []string{"text:", "url:", "plain:0"}},
		{"carriage return", `%h "%{User-agent}i"`, "192.0.2.1 \"curl\"\r", []string{"client:192.0.2.1", "agent:curl"}},

		// Separation.
		{"nothing between two values", `%u%{Foo}i %h%u`, `ab 192.0.2.1`, []string{"text:", "text:ab", "client:", "client:192.0.2.1"}},
		{"path and query", `%m %U%q %H`, `GET /a b?c=d HTTP/1.1`, []string{"text:GET", "url:", "url:/a b?c=d", "text:HTTP/1.1"}},
		{"other URLs", `"%{Location}o" "%{X-Original-URI}i" "%{REDIRECT_URL}e"`, `"/a" "/b" "/c"`, []string{"url:/a", "url:/b", "url:/c"}},
		{"loose in a row", `%{Referer}i -> %U -> %h`, `http://a/ -> /b -> 192.0.2.1`, []string{"url:http://a/", "url:/b", "client:192.0.2.1"}},
		{"rest of the line", `%h %{Foo}i`, `192.0.2.1 a "b"`, nil},
		{"json", `{"ip":"%a","user":"%u","request":"%r","status":%>s}`, `{"ip":"192.0.2.1","user":"-","request":"GET /\"a\" HTTP/1.1","status":200}`,
			[]string{"client:192.0.2.1", "text:-", `request:GET /\"a\" HTTP/1.1`, "plain:200"}},
		{"half a line", `%h %l %u %t "%r" %>s %b`, `192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1" 200`, nil},
		{"a line and a half", `%h %b`, `192.0.2.1 5 `, nil},
		{"empty line", `%h %b`, ``, nil},

		// Users and hosts with spaces.
		{"user with spaces", `%h %l %u %t "%r"`, `192.0.2.1 - joe the user [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1"`,
			[]string{"client:192.0.2.1", "client:-", "text:joe the user", "plain:[22/Nov/2026:06:46:00 +0000]", "request:GET / HTTP/1.1"}},
		{"user who forges a time", `%h %l %u %t "%r"`, `192.0.2.1 - x [01/Jan/2000:00:00:00 +0000] \"GET / [22/Nov/2026:06:46:00 +0000] "-"`,
			[]string{"client:192.0.2.1", "client:-", `text:x [01/Jan/2000:00:00:00 +0000] \"GET /`, "plain:[22/Nov/2026:06:46:00 +0000]", "request:-"}},
		{"empty user", `%h %l %u %t "%r"`, `192.0.2.1 - "" [22/Nov/2026:06:46:00 +0000] "-"`,
			[]string{"client:192.0.2.1", "client:-", `text:""`, "plain:[22/Nov/2026:06:46:00 +0000]", "request:-"}},
		{"empty user at the end", `%h %u`, `192.0.2.1 ""`, []string{"client:192.0.2.1", `text:""`}},
		{"empty user in quotes", `"%h" "%u"`, `"192.0.2.1" """"`, []string{"client:192.0.2.1", `text:""`}},
		{"host with spaces", `%h %l %u %t`, `evil host - joe [22/Nov/2026:06:46:00 +0000]`,
			[]string{"client:evil host", "client:-", "text:joe", "plain:[22/Nov/2026:06:46:00 +0000]"}},
		{"host without identity", `%h %l %u %t`, `a.example - x - y [22/Nov/2026:06:46:00 +0000]`,
			[]string{"client:a.example", "client:-", "client:x - y", "plain:[22/Nov/2026:06:46:00 +0000]"}},
		{"address with identity", `%h %l %u`, `192.0.2.1 ident x - y`, []string{"client:192.0.2.1", "client:ident", "client:x - y"}},
		{"virtual host", `%v:%p %h %l %u`, `[::1]:443 2001:db8::1 - -`, []string{"plain:[::1]", "plain:443", "client:2001:db8::1", "client:-", "text:-"}},
		{"line in a line", `%h %l %u`, `a.example - joe.example - -`, []string{"client:a.example", "client:-", "client:joe.example - -"}},
		{"host as identity", `%h %l %u`, `203.0.113.1:443 a.example - -`, []string{"client:203.0.113.1:443", "client:a.example", "text:- -"}},

		// Unquoted lists.
		{"list", `%{X-Forwarded-For}i %l %u`, `192.0.2.1, a.example - -`, []string{"list:192.0.2.1, a.example", "client:-", "text:-"}},
		{"list before a host", `%{X-Forwarded-For}i %h %l %u`, `192.0.2.1 192.0.2.2, a.example b.example - -`,
			[]string{"list:192.0.2.1 192.0.2.2, a.example", "client:b.example", "client:-", "text:-"}},
		{"list of one", `%{X-Forwarded-For}i %h %l %u`, `- 192.0.2.1 - x - y`, []string{"list:-", "client:192.0.2.1", "client:-", "client:x - y"}},
		{"list before a host with identity", `%{X-Forwarded-For}i %h %l %u`, `192.0.2.1, a.example 192.0.2.2 ident joe`,
			[]string{"list:192.0.2.1, a.example", "client:192.0.2.2", "client:ident", "text:joe"}},
		{"list behind a host", `%h %{Forwarded}i %l %u`, `192.0.2.1 for=192.0.2.2, for=a.example - -`,
			[]string{"client:192.0.2.1", "forwarded:for=192.0.2.2, for=a.example", "client:-", "text:-"}},
		{"list before text", `%{X-Forwarded-For}i %u %t`, `192.0.2.1, a.example joe doe [22/Nov/2026:06:46:00 +0000]`,
			[]string{"list:192.0.2.1, a.example", "text:joe doe", "plain:[22/Nov/2026:06:46:00 +0000]"}},
		{"list that ends in a comma", `%{X-Forwarded-For}i %u`, `192.0.2.1, joe`, []string{"list:192.0.2.1,", "text:joe"}},

		// The server's own values are exempt if no client can take their place.
		{"own address between clients", `%h %A %u`, `192.0.2.1 203.0.113.1 joe`, []string{"client:192.0.2.1", "url:203.0.113.1", "text:joe"}},
		{"own name behind a list", `%h %{X-Forwarded-For}i %v %l %u %t`, `10.0.0.1 203.0.113.9, 198.51.100.4 www.example.org - - [22/Nov/2026:06:46:00 +0000]`,
			[]string{"client:10.0.0.1", "list:203.0.113.9, 198.51.100.4", "url:www.example.org", "client:-", "text:-", "plain:[22/Nov/2026:06:46:00 +0000]"}},
		{"own address behind a list", `%h %{X-Forwarded-For}i %A %u`, `10.0.0.1 203.0.113.9, 198.51.100.4 10.0.0.2 joe`,
			[]string{"client:10.0.0.1", "list:203.0.113.9, 198.51.100.4", "url:10.0.0.2", "text:joe"}},
		{"own name behind a user", `%h %l %u %v %t`, `192.0.2.1 - a 203.0.113.9 www.example.org [22/Nov/2026:06:46:00 +0000]`,
			[]string{"client:192.0.2.1", "client:-", "text:a", "client:203.0.113.9 www.example.org", "plain:[22/Nov/2026:06:46:00 +0000]"}},
		{"own name behind a header", `%h "%r" %{User-Agent}i %v`, `192.0.2.1 "-" curl 203.0.113.9 www.example.org`,
			[]string{"client:192.0.2.1", "request:-", "agent:curl", "client:203.0.113.9 www.example.org"}},
		{"own name behind a word", `%h "%r" %m %v`, `192.0.2.1 "-" GET www.example.org`, []string{"client:192.0.2.1", "request:-", "text:GET", "url:www.example.org"}},
		{"own name behind a request", `%h "%r" %>s %v %U`, `192.0.2.1 "-" 200 203.0.113.1 /a`,
			[]string{"client:192.0.2.1", "request:-", "plain:200", "plain:203.0.113.1", "url:/a"}},
		{"own address at the end", `%h %U %A %D`, `192.0.2.1 /a 203.0.113.1 203.0.113.2 5`,
			[]string{"client:192.0.2.1", "url:/a 203.0.113.1", "plain:203.0.113.2", "plain:5"}},
		{"own address next to a client's value", `%h "%U%A"`, `192.0.2.1 "/a 203.0.113.1"`, []string{"client:192.0.2.1", "url:/a ", "url:203.0.113.1"}},
		{"own address before a client's value", `%h "%A%U"`, `192.0.2.1 "203.0.113.1/a"`, []string{"client:192.0.2.1", "url:203.0.113.1", "url:/a"}},
		{"own address before a port", `%A:%p %v %h`, `2001:db8::1:80 www.example.org 192.0.2.1`,
			[]string{"plain:2001:db8::1", "plain:80", "plain:www.example.org", "client:192.0.2.1"}},
		{"own name without a client", `%v %u`, `203.0.113.1 joe`, []string{"url:203.0.113.1", "text:joe"}},
		{"own name in the client", `%v%h`, `192.0.2.1`, []string{"plain:", "client:192.0.2.1"}},

		// And if they look like the server's.
		{"a name with anything in it", `%v:%p %h %l %u`, `idle?ip=203.0.113.9&y=1 Hwww.example.org:443 10.0.0.1 - -`,
			[]string{"client:idle?ip=203.0.113.9&y=1 Hwww.example.org", "plain:443", "client:10.0.0.1", "client:-", "text:-"}},
		{"a long name", `%v %h`, strings.Repeat("a", 256) + ` 192.0.2.1`, []string{"url:" + strings.Repeat("a", 256), "client:192.0.2.1"}},
		{"a wildcard", `%v %h`, `*.a-b_c.example 192.0.2.1`, []string{"plain:*.a-b_c.example", "client:192.0.2.1"}},
		{"own address and a host name", `%v:%p %h %l %u`, `203.0.113.1:443 a.example - -`,
			[]string{"url:203.0.113.1", "plain:443", "client:a.example", "client:-", "text:-"}},
		{"own IPv6 address and a host name", `%v:%p %h %l %u`, `[2001:db8::1]:443 a.example - -`,
			[]string{"url:[2001:db8::1]", "plain:443", "client:a.example", "client:-", "text:-"}},
		{"own name and a host name", `%v %h`, `www.example.org a.example`, []string{"plain:www.example.org", "client:a.example"}},
		{"a client that would be taken for the server", `%A %h %l %u`, `192.0.2.1 - john doe`,
			[]string{"client:192.0.2.1", "client:-", "client:john", "text:doe"}},
		{"a client that would be cut", `%v:%p %h %l %u`, `2001:db8::80 - john doe`, nil},
		{"a short one", `%v:%p %h %l %u`, `2001::80 - john doe`, nil},
		{"one behind a client's value", `%h %u %v:%p %U`, `192.0.2.1 joe 2001::80 /a`, nil},
		{"one behind other bytes", `%v:%p %h %l %u`, `x 2001::80 - john doe`, nil},

		// Times.
		{"pieces of a time", `%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t %h`, `22/Nov/2026:06:46:00.123 +0100 192.0.2.1`,
			[]string{"plain:22/Nov/2026:06:46:00", "plain:123", "plain:+0100", "client:192.0.2.1"}},
		{"literals around a time", `%u %{[%F %T]}t`, `joe [2026-11-22 06:46:00]`, []string{"text:joe", "plain:2026-11-22 06:46:00"}},
		{"epoch with its fraction", `%{sec}t%{usec_frac}t %h`, `1795330000123456 192.0.2.1`, []string{"plain:1795330000", "plain:123456", "client:192.0.2.1"}},
		{"a time is verified", `%h %t`, `192.0.2.1 [31/Feb/2026:06:46:00 +0000]`, nil},
		{"strftime that is not known", `%h %{%Q}t`, `192.0.2.1 x`, []string{"client:192.0.2.1", "text:x"}},
		{"a time between two values", `%u %t %U`, `joe [22/Nov/2026:06:46:00 +0000] /a [01/Jan/2000:00:00:00 +0000] b`,
			[]string{"text:joe", "plain:[22/Nov/2026:06:46:00 +0000]", "url:/a [01/Jan/2000:00:00:00 +0000] b"}},
		{"a forged time between two values", `%h %l %u %t %r %>s %b`, `192.0.2.1 - x [01/Jan/2000:00:00:00 +0000] y [22/Nov/2026:06:46:00 +0000] GET / HTTP/1.1 200 5`,
			[]string{"client:192.0.2.1", "client:-", "text:x [01/Jan/2000:00:00:00 +0000] y", "plain:[22/Nov/2026:06:46:00 +0000]",
				"request:GET / HTTP/1.1", "plain:200", "plain:5"}},
		{"a forged date between two values", `%h %u %{%Y-%m-%d}t %u`, `192.0.2.1 x 2000-01-01 2026-11-22 2000-01-01 y`,
			[]string{"client:192.0.2.1", "text:x 2000-01-01", "plain:2026-11-22", "text:2000-01-01 y"}},
		{"a forged date that leaves no match", `%u %t %U %D %f`, `joe [22/Nov/2026:06:46:00 +0000] /a 5 /b [23/Nov/2026:06:46:00 +0000] c`,
			[]string{"text:joe", "plain:[22/Nov/2026:06:46:00 +0000]", "url:/a", "plain:5", "text:/b [23/Nov/2026:06:46:00 +0000] c"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			var out Line
			ok := compile(t, tt.format).Parse([]byte(tt.line), &out)
			require.Equal(t, tt.fields != nil, ok)
			if ok {
				assert.Equal(t, tt.fields, spell([]byte(tt.line), out.Fields))
			}
		})
	}
}

// TestLogFormatLine: what a line has apart from its fields.
func TestLogFormatLine(t *testing.T) {
	const none = "none"
	berlin, err := time.LoadLocation("Europe/Berlin")
	require.NoError(t, err)
	for _, tt := range []struct {
		format, line, client, day, target string
		status                            int
	}{
		{`%h %l %u %t %r %>s %b`, `192.0.2.1 - x [01/Jan/2000:00:00:00 +0000] [22/Nov/2026:06:46:00 +0000] GET / HTTP/1.1 200 5`, "192.0.2.1", "2026-11-22", "/", 200},
		{`%l %u`, `192.0.2.1 -`, none, none, none, 0},
		{`%h %t "%r" %>s`, `192.0.2.1 [22/Nov/2026:23:59:59 -0500] "GET /a?b=c HTTP/1.1" 200`, "192.0.2.1", "2026-11-22", "/a?b=c", 200},
		{`%t`, `[29/Feb/2024:00:00:00 +1400]`, none, "2024-02-29", none, 0},

		// Request lines.
		{`"%r"`, `"-"`, none, none, none, 0},
		{`"%r"`, `"\x16\x03\x01"`, none, none, none, 0},
		{`"%r"`, `"GET /a"`, none, none, "/a", 0},
		{`"%r"`, `"GET /a b HTTP/1.0"`, none, none, "/a b", 0},
		{`"%r"`, `"GET / HTTP/ HTTP/1.1"`, none, none, "/ HTTP/", 0},
		{`"%r"`, `"GET http://a.example/b HTTP/2.0"`, none, none, "http://a.example/b", 0},
		{`"%r"`, `"GET /k\xc3\xbcche\t\"\\ HTTP/1.1"`, none, none, "/küche\t\"\\", 0},
		{`%U%q`, `/a?b=c`, none, none, "/a?b=c", 0},
		{`"%U" "%q"`, `"/a" "?b=c"`, none, none, "/a?b=c", 0},
		{`"%U" "%q"`, `"/a" ""`, none, none, "/a", 0},
		{`%U "%r"`, `/a "GET /a?b=c HTTP/1.1"`, none, none, "/a?b=c", 0},
		{`%U`, `-`, none, none, none, 0},
		{`"%m %V%U%q %H"`, `"POST meet.example.org/a?b=c HTTP/1.1"`, none, none, "/a?b=c", 0},
		{`%v%U%q %s`, `meet.example.org/a?b=c 200`, none, none, "/a?b=c", 200},
		{`%{Host}i%U "%q"`, `meet.example.org:443/a "?b=c"`, none, none, "/a?b=c", 0},
		{`%v%U %p`, `meet.example.org 443`, none, none, none, 0},
		{`%V%r`, `meet.example.orgGET /a HTTP/1.1`, none, none, "/a", 0},

		// The client that is counted.
		{`%{X-Forwarded-For}i|%{c}a|%h`, `192.0.2.1|192.0.2.2|192.0.2.3`, "192.0.2.3", none, none, 0},
		{`%{X-Forwarded-For}i|%{c}h`, `192.0.2.1|192.0.2.2`, "192.0.2.2", none, none, 0},
		{`%{X-Real-IP}i|%{X-Forwarded-For}i`, `192.0.2.1|192.0.2.2`, "192.0.2.1", none, none, 0},

		{`%{X-Client-IP}i %l`, `192.0.2.1 -`, "192.0.2.1", none, none, 0},
		{`%{Fastly-Client-IP}i %l`, `192.0.2.1 -`, "192.0.2.1", none, none, 0},
		{`%{X-Cluster-Client-Ip}i %l`, `192.0.2.1 -`, "192.0.2.1", none, none, 0},
		{`%{clientip}e %l`, `192.0.2.1 -`, "192.0.2.1", none, none, 0},
		{`%{X-Forwarded-For}i,%a`, `198.51.100.4, 192.0.2.3,192.0.2.9`, "192.0.2.9", none, none, 0},
		{`%a,%{X-Forwarded-For}i`, `192.0.2.9,198.51.100.4, 192.0.2.3`, "192.0.2.9", none, none, 0},

		// Status.
		{`%s %D000`, `200 12000`, none, none, none, 200},
		{`%s %{ms}T00 %I1`, `200 1200 811`, none, none, none, 200},
		{`%s %>s %s`, `301 200 404`, none, none, none, 200},
		{`%h %s`, `192.0.2.1 301`, "192.0.2.1", none, none, 301},
		{`%>s`, `-`, none, none, none, 0},

		// Times. The day is that of the start of the request.
		{`%{end}t %{begin}t`, `[23/Nov/2026:00:00:01 +0000] [22/Nov/2026:23:59:59 +0000]`, none, "2026-11-22", none, 0},
		{`%{end:%F}t`, `2026-11-23`, none, "2026-11-23", none, 0},
		{`%{end:%F}t %{begin:msec}t`, `2026-11-23 1795330000123`, none, "2026-11-22", none, 0},
		{`%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t`, `22/Nov/2026:06:46:00.123 +0100`, none, "2026-11-22", none, 0},
		{`%{%A, %-d %B %y %I:%M %p %Z}t`, `Sunday, 2 November 69 06:46 AM CET`, none, "1969-11-02", none, 0},
		{`%{%e.%m.%C%y}t`, ` 2.11.2026`, none, "2026-11-02", none, 0},
		{`%{%c}t`, `Sun Nov  2 06:46:00 2026`, none, "2026-11-02", none, 0},
		{`%{%Y %j}t`, `2024 366`, none, "2024-12-31", none, 0},
		{`%{%Y %j}t`, `2026 366`, none, none, none, 0},
		{`%{%F}t`, `2026-02-30`, none, none, none, 0},
		{`%{%T}t`, `06:46:00`, none, none, none, 0},
		{`%{sec}t`, `1795388399`, none, "2026-11-22", none, 0},
		{`%{sec}t`, `1795388400`, none, "2026-11-23", none, 0},
		{`%{usec}t`, `1795388399999999`, none, "2026-11-22", none, 0},
		{`%{%s}t`, `0`, none, none, none, 0},
		{`%400{sec}t`, `-`, none, none, none, 0},
		{`%400t`, `-`, none, none, none, 0},
	} {
		t.Run(tt.format, func(t *testing.T) {
			p, err := Compile(tt.format, berlin)
			require.NoError(t, err)
			line := []byte(tt.line)
			var out Line
			require.True(t, p.Parse(line, &out))
			client, day, target := none, none, none
			if out.Client >= 0 {
				f := out.Fields[out.Client]
				client = string(line[f.Start:f.End])
			}
			if out.HasDay {
				day = out.Day.String()
			}
			if out.Target != nil {
				target = string(out.Target)
			}
			assert.Equal(t, []any{tt.client, tt.day, tt.target, tt.status}, []any{client, day, target, out.Status})
		})
	}
}

func TestFormatError(t *testing.T) {
	for _, tt := range []struct {
		format string
		column int
		reason string
	}{
		{"", 1, "the format is empty"},
		{`\n`, 1, "the format is empty"},
		{"combined", 1, "the format has no directive such as %h"},
		{"100%% x", 1, "the format has no directive such as %h"},
		{`%h %`, 4, "the format ends inside a directive (a percent sign is %%)"},
		{`%h %>`, 4, "the format ends inside a directive (a percent sign is %%)"},
		{`%h %{x}`, 4, "the format ends inside a directive (a percent sign is %%)"},
		{`%h %{Referer`, 5, "no } closes this {"},
		{`%h\n%u`, 3, "a newline inside the format: a line is one line"},
		{"%h\n%u", 3, "a newline inside the format: a line is one line"},
		{`%h %{%F%n}t`, 4, "a newline inside the format: a line is one line"},
		{`%h \\\"%r\\\"`, 6, "a backslash before a quote cannot be told from an escaped quote"},
	} {
		_, err := Compile(tt.format, time.UTC)
		assert.Equal(t, &FormatError{Format: tt.format, Column: tt.column, Reason: tt.reason}, err, tt.format)
	}
	assert.EqualError(t, &FormatError{"%h %", 4, "why"}, "log format, column 4: why")
}

func TestNamedKind(t *testing.T) {
	for name, want := range map[string]Kind{
		"X-Real-IP": Client, "X-Azure-ClientIP": Client, "X-Envoy-External-Address": Client, "CF-Connecting-IPv6": Client,
		"X-ProxyUser-Ip": Client, "HTTP_X_REMOTE_ADDR": Client, "clientip": Client, "X-Client": Client,
		"X-Forwarded-For": ClientList, "Forwarded-For": ClientList, "HTTP_X_FORWARDED_FOR": ClientList, "X-Forwarded": ClientList,
		"Forwarded": Forwarded, "X-Forwarded-Proto": Text, "Host": Text, "X-Zip": Text, "Referer": URL, "User-Agent": UserAgent,
	} {
		assert.Equal(t, want, namedKind(name), name)
	}
}
