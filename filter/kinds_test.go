package filter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/format"
)

// TestKinds has lines of other servers and services that are easily parsed wrongly: how each is
// treated, and how many pairs of room and client are counted. Each line is a second example of a
// case in another test.
func TestKinds(t *testing.T) {
	const at = ` - - ` + stampText + ` `
	bind := func(room string) string { return `"POST /http-bind?room=` + room + ` HTTP/1.1" 200 5` }
	for _, test := range []struct {
		name, format, log, want string
		pairs                   int // of a room and a client
		malformed               uint64
	}{
		{"a client's host name in a line of an unknown format", "common",
			`dsl-3.example.net` + at + bind("a") + ` "-" "M" extra` + "\n" + `[2026-11-22 07:23:55] [php:error] [pid 1] [client dsl-3.example.net:5] b` + "\n",
			`{name:dsl-3.example.net}` + at + bind("a") + ` "-" "M" extra` + "\n" + `[2026-11-22 07:23:55] [php:error] [pid 1] [client {name:dsl-3.example.net}:5] b` + "\n", 0, 2},
		{"UTF-16 on a pipe", "auto", strings.Join(strings.Split("192.0.2.1"+at, ""), "\x00") + "\n",
			"{192.0.2.1}\x00" + strings.Join(strings.Split(at, ""), "\x00") + "\n", 0, 1},
		{"a secret in a path and in another's URL", "combined",
			`192.0.2.1` + at + `"GET /a;jsessionid=S?api_key=K HTTP/1.1" 200 5 "https://u:p@h.example.org/?next=%2F%3Fcode%3DC" "M"` + "\n",
			`{192.0.2.1}` + at + `"GET /a;jsessionid=-?api_key=- HTTP/1.1" 200 5 "https://-@h.example.org/?next=%2F%3Fcode%3D-" "M"` + "\n", 0, 0},
		{"one client behind two services", "auto",
			"Nov 22 07:23:56 web1 httpd[3]: 192.0.2.1" + at + bind("a") + "\n" + "web-1  | Nov 22 07:23:57 web1 httpd: 192.0.2.1" + at + bind("a") + "\n",
			"Nov 22 07:23:56 web1 httpd[3]: {192.0.2.1}" + at + bind("a") + "\n" + "web-1  | Nov 22 07:23:57 web1 httpd: {192.0.2.1}" + at + bind("a") + "\n", 1, 0},
		{"lists of clients behind one proxy", "auto",
			"192.0.2.1,192.0.2.9" + at + bind("a") + "\n" + "www.example.org 2001:db8::1, 192.0.2.9" + at + bind("a") + "\n",
			"{192.0.2.1},{192.0.2.9}" + at + bind("a") + "\n" + "{name:www.example.org} {2001:db8::1}, {192.0.2.9}" + at + bind("a") + "\n", 2, 0},
		{"clients before their virtual host", "auto",
			"[2001:db8::1]:5000 www.example.org:8443" + at + bind("a") + "\n" + "192.0.2.1:5001 www.example.org" + at + bind("a") + "\n",
			"{2001:db8::1} www.example.org:8443" + at + bind("a") + "\n" + "{192.0.2.1} {name:www.example.org}" + at + bind("a") + "\n", 2, 0},
		{"an identity behind a service's words", "auto",
			"<134>1 2026-11-22T07:23:56Z web1 httpd - - - 192.0.2.1 501 joe " + stampText + " " + bind("a") + "\n",
			"<134>1 2026-11-22T07:23:56Z web1 httpd - - - {192.0.2.1} {name:501} joe " + stampText + " " + bind("a") + "\n", 1, 0},
		{"a host before the path", `%h %t "%m %{Host}i%U%q" %>s`,
			"192.0.2.1 " + stampText + ` "POST meet.example.org/verein/http-bind?room=a" 200` + "\n",
			"{192.0.2.1} " + stampText + ` "POST meet.example.org/verein/http-bind?room=a" 200` + "\n", 1, 0},
		{"a provider's header as the client", `%v %{X-Azure-ClientIP}i %t "%r" %>s`,
			"www.example.org dsl-3.example.net " + stampText + ` "POST /http-bind?room=a HTTP/1.1" 200` + "\n",
			"www.example.org {name:dsl-3.example.net} " + stampText + ` "POST /http-bind?room=a HTTP/1.1" 200` + "\n", 1, 0},
		{"lines in JSON of services", "auto",
			`{"MESSAGE":"192.0.2.1` + at + `\"POST /http-bind?room=a HTTP/1.1\" 200 5"}` + "\n" + `{"event":{"original":"192.0.2.2` + at + `\"POST /http-bind?room=a HTTP/1.1\" 200 5"}}` + "\n",
			`{"MESSAGE":"{192.0.2.1}` + at + `\"POST /http-bind?room=a HTTP/1.1\" 200 5"}` + "\n" + `{"event":{"original":"{192.0.2.2}` + at + `\"POST /http-bind?room=a HTTP/1.1\" 200 5"}}` + "\n", 2, 0},
		{"shipped formats with more behind", "auto",
			"192.0.2.1" + at + bind("a") + ` "-" "M" "-" 0.005 "-"` + "\n" + stampText + ` 192.0.2.2 - - ` + `"POST /http-bind?room=a HTTP/1.1" 5` + "\n",
			"{192.0.2.1}" + at + bind("a") + ` "-" "M" "-" 0.005 "-"` + "\n" + stampText + ` {192.0.2.2} - - ` + `"POST /http-bind?room=a HTTP/1.1" 5` + "\n", 2, 0},
		{"ports beside an address in a line of an unknown format", "combined",
			`Nov 22 07:23:56 - from 192.0.2.1:35106 and ip:192.0.2.1, 192.0.2.1.` + "\n",
			`Nov 22 07:23:56 - from {192.0.2.1}:35106 and ip:{192.0.2.1}, {192.0.2.1}.` + "\n", 0, 1},
		{"words with double colons", "combined",
			"192.0.2.1" + at + `"GET /perl/LWP::UserAgent HTTP/1.1" 200 5 "-" "Net::HTTP::Tiny"` + "\n",
			"{192.0.2.1}" + at + `"GET /perl/LWP::UserAgent HTTP/1.1" 200 5 "-" "Net::HTTP::Tiny"` + "\n", 0, 0},
		{"dots and times in a line of an unknown format", "combined",
			`- - GET /../../etc ... at 07:23:55 from 192.0.2.1` + "\n", `- - GET /../../etc ... at 07:23:55 from {192.0.2.1}` + "\n", 0, 1},
		{"empty lines", "common", "\r\n192.0.2.1" + at + bind("a") + "\n\n", "\r\n{192.0.2.1}" + at + bind("a") + "\n\n", 1, 0},
		{"a number before digits", `%h %t "%r" %>s %D00`, "192.0.2.1 " + stampText + ` "POST /http-bind?room=a HTTP/1.1" 200 1700` + "\n",
			"{192.0.2.1} " + stampText + ` "POST /http-bind?room=a HTTP/1.1" 200 1700` + "\n", 1, 0},
		{"IPv6 in brackets in an error log", "error", `[Sun Nov 22 07:23:55 2026] [ssl:info] [pid 1:tid 2] [remote [2001:db8::1]:443] a` + "\n",
			`[Sun Nov 22 07:23:55 2026] [ssl:info] [pid 1:tid 2] [remote [{2001:db8::1}]:443] a` + "\n", 0, 0},
		{"two fields with a comma between", `%t [%{X-Forwarded-For}i,%h] "%r" %>s`,
			stampText + ` [192.0.2.1, 192.0.2.2,dsl-3.example.net] "POST /http-bind?room=a HTTP/1.1" 200` + "\n",
			stampText + ` [{192.0.2.1}, {192.0.2.2},{name:dsl-3.example.net}] "POST /http-bind?room=a HTTP/1.1" 200` + "\n", 1, 0},
		{"a byte order mark", "main", "\ufeff192.0.2.1" + at + bind("a") + ` "-" "M" "-"` + "\n", "{192.0.2.1}" + at + bind("a") + ` "-" "M" "-"` + "\n", 1, 0},
		{"versions and addresses in agents", "combined",
			"192.0.2.1" + at + bind("a") + ` "-" "Dalvik/2.1.0 (Linux; Android 9; rv:102.0.0.1) Viber/20.3.0.1 Meet 23.1.10.512.7 via 192.0.2.9"` + "\n",
			"{192.0.2.1}" + at + bind("a") + ` "-" "Dalvik/2.1.0 (Linux; Android 9; rv:102.0.0.1) Viber/20.3.0.1 Meet 23.1.10.512.7 via {192.0.2.9}"` + "\n", 1, 0},
		{"clients behind a proxy and past it", "via 10.0.0.0/8: " + viaHeader,
			"10.0.0.2" + at + bind("a") + ` "192.0.2.1"` + "\n" + "10.0.0.7" + at + bind("a") + ` "192.0.2.66, 192.0.2.1, 10.0.0.2"` + "\n" + "203.0.113.9" + at + bind("a") + ` "192.0.2.1"` + "\n",
			"{10.0.0.2}" + at + bind("a") + ` "{192.0.2.1}"` + "\n" + "{10.0.0.7}" + at + bind("a") + ` "{192.0.2.66}, {192.0.2.1}, {10.0.0.2}"` + "\n" + "{203.0.113.9}" + at + bind("a") + ` "{192.0.2.1}"` + "\n", 2, 0},
		{"PHP's own error log", "auto",
			"[22-Nov-2026 07:23:55 UTC] PHP Warning:  192.0.2.1 sent /?token=a in /x.php on line 3" + "\n" + "[22-Nov-2026 07:23:55 Europe/Berlin] no level: 192.0.2.1" + "\n",
			"[22-Nov-2026 07:23:55 UTC] PHP Warning:  {192.0.2.1} sent /?token=- in /x.php on line 3" + "\n" + "[22-Nov-2026 07:23:55 Europe/Berlin] no level: {192.0.2.1}" + "\n", 0, 0},
		{"PHP's own error log in another's", "combined",
			"[22-Nov-2026 07:23:55 America/Port-au-Prince] PHP Fatal error:  Uncaught E: 192.0.2.1 in /x.php:3" + "\n" + "[22-Nov-2026 07:23:55 +01:00] dsl-3.example.net came" + "\n",
			"[22-Nov-2026 07:23:55 America/Port-au-Prince] PHP Fatal error:  Uncaught E: {192.0.2.1} in /x.php:3" + "\n" + "[22-Nov-2026 07:23:55 +01:00] {name:dsl-3.example.net} {name:came}" + "\n", 0, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			config := func() Config {
				if spec, via := strings.CutPrefix(test.format, "via 10.0.0.0/8: "); via {
					return proxyConfig(t, spec, format.Options{})
				}
				return newConfig(t, test.format)
			}
			got, _ := treated(t, config(), newCalendar(), test.log)
			assert.Equal(t, guardtest.Expand(t, guardtest.Cipher(t, "ipcrypt"), test.want), got)
			pairs, _, stats := countedBy(t, config(), test.log)
			assert.Len(t, pairs, test.pairs)
			assert.Equal(t, test.malformed, stats.Malformed)
		})
	}
}
