package filter

import (
	"regexp"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// steady are typical lines of each format, and the treated lines.
var steady = []struct{ name, format, line, want string }{
	{"common", "common",
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5`,
		`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5`},
	{"combined", "combined",
		`2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "POST /http-bind?room=petersrunde&token=eyJhbGciOiJIUzI1NiJ9.e30.c2ln HTTP/1.1" 200 157 "https://meet.example.org/petersrunde?ip=192.0.2.9" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"`,
		`{2001:db8::1} - - [22/Nov/2026:07:23:55 +0000] "POST /http-bind?room=petersrunde&token=- HTTP/1.1" 200 157 "https://meet.example.org/petersrunde?ip={192.0.2.9}" "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/124.0.0.0 Safari/537.36"`},
	{"vhost_common", "vhost_common",
		`meet.example.org 192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /?v6=2001%3Adb8%3A%3A1 HTTP/1.1" 200 5`,
		`meet.example.org {192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /?v6={2001:db8::1} HTTP/1.1" 200 5`},
	{"vhost_combined", "vhost_combined",
		`meet.example.org:443 192.0.2.1 - mary ann [22/Nov/2026:07:23:55 +0000] "GET /xmpp-websocket?room=r HTTP/1.1" 101 5 "-" "probe for 192.0.2.1.5"`,
		`meet.example.org:443 {192.0.2.1} - mary ann [22/Nov/2026:07:23:55 +0000] "GET /xmpp-websocket?room=r HTTP/1.1" 101 5 "-" "probe for {name:192.0.2.1.5}"`},
	{"LogFormat", `%h %{X-Forwarded-For}i %{Forwarded}i %t "%r" %>s`,
		`host.example.org 192.0.2.1, 2001:db8::1 for=192.0.2.2;proto=http [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200`,
		`{name:host.example.org} {192.0.2.1}, {2001:db8::1} for={192.0.2.2};proto=http [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200`},
	{"error", "error",
		`[Sun Nov 22 07:23:55.054538 2026] [core:info] [pid 9:tid 8] [client 2001:db8::1:443] AH00128: File does not exist: /x, referer: http://192.0.2.1/?sid=a`,
		`[Sun Nov 22 07:23:55.054538 2026] [core:info] [pid 9:tid 8] [client {2001:db8::1}:443] AH00128: File does not exist: /x, referer: http://{192.0.2.1}/?sid=-`},
	{"error, ISO", "error",
		`[2026-11-22 07:23:55.054538] [:error] [pid 9:tid 8] [client 192.0.2.1:443] [client h.example.org] ModSecurity: Warning. [uri "/x?token=a"] from 192.0.2.1`,
		`[2026-11-22 07:23:55.054538] [:error] [pid 9:tid 8] [client {192.0.2.1}:443] [client {name:h.example.org}] ModSecurity: Warning. [uri "/x?token=-"] from {192.0.2.1}`},
	{"error, nginx", "error",
		`2026/11/22 07:23:55 [error] 12#34: *5 FastCGI sent in stderr: "PHP message: PHP Warning:  192.0.2.1 is unknown in /x.php on line 3" while reading, client: 192.0.2.1, server: w.example.org, request: "GET /x.php?sid=a HTTP/1.1", upstream: "fastcgi://unix:/run/php.sock:", host: "w.example.org"`,
		`2026/11/22 07:23:55 [error] 12#34: *5 FastCGI sent in stderr: "PHP message: PHP Warning:  {192.0.2.1} is unknown in /x.php on line 3" while reading, client: {192.0.2.1}, server: w.example.org, request: "GET /x.php?sid=- HTTP/1.1", upstream: "fastcgi://unix:/run/php.sock:", host: "w.example.org"`},
	{"error, its format", `error:[%{cu}t] [%-m:%l] [pid %P] %7F: %E: [client\ %a] %M% ,\ referer\ %{Referer}i`,
		`[2026-11-22 07:23:55.054538] [php:warn] [pid 9] (13)Permission denied: [client 192.0.2.1:5678] PHP Warning:  a of 192.0.2.1, referer http://192.0.2.1/?sid=a`,
		`[2026-11-22 07:23:55.054538] [php:warn] [pid 9] (13)Permission denied: [client {192.0.2.1}:5678] PHP Warning:  a of {192.0.2.1}, referer http://{192.0.2.1}/?sid=-`},
	{"malformed", "combined",
		`[22/Nov/2026:07:23:55 +0000] 2001%3Adb8::1 "GET /?token=a HTTP/1.1"`,
		`[22/Nov/2026:07:23:55 +0000] {2001:db8::1} "GET /?token=- HTTP/1.1"`},
	{"json-apache", "json",
		`{"time":"2026-11-22T07:23:55+0000","remote_ip":"192.0.2.1","request":"GET /http-bind?room=caf\xc3\xa9 HTTP/1.1","status":"200","user_agent":"a \"quoted\" agent"}`,
		`{"time":"2026-11-22T07:23:55+0000","remote_ip":"{192.0.2.1}","request":"GET /http-bind?room=caf\xc3\xa9 HTTP/1.1","status":"200","user_agent":"a \"quoted\" agent"}`},
	{"json-nginx", "json",
		`{"time_iso8601":"2026-11-22T07:23:55+00:00","remote_addr":"2001:db8::1","http_x_forwarded_for":"192.0.2.1, 192.0.2.2","request_uri":"/http-bind?room=r","status":200}`,
		`{"time_iso8601":"2026-11-22T07:23:55+00:00","remote_addr":"{2001:db8::1}","http_x_forwarded_for":"{192.0.2.1}, {192.0.2.2}","request_uri":"/http-bind?room=r","status":200}`},
	{"json-caddy", "json",
		`{"level":"info","ts":1795332235.1234,"request":{"remote_ip":"192.0.2.1","client_ip":"192.0.2.2","uri":"/http-bind?room=r&a=1\u0026jwt=x","headers":{"User-Agent":["curl/8.5.0.1"],"X-Real-Ip":["host"]}},"status":200}`,
		`{"level":"info","ts":1795332235.1234,"request":{"remote_ip":"{192.0.2.1}","client_ip":"{192.0.2.2}","uri":"/http-bind?room=r&a=1\u0026jwt=-","headers":{"User-Agent":["curl/8.5.0.1"],"X-Real-Ip":["{name:host}"]}},"status":200}`},
	{"combinedio", "combinedio",
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0" 812 1024`,
		`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0" 812 1024`},
	{"main", "main",
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0" "2001:db8::1, h.example.org"`,
		`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0" "{2001:db8::1}, {name:h.example.org}"`},
	{"ssl_request_log", "ssl_request_log",
		`[22/Nov/2026:07:23:55 +0000] h.example.org TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /http-bind?room=r HTTP/1.1" 5`,
		`[22/Nov/2026:07:23:55 +0000] {name:h.example.org} TLSv1.3 TLS_AES_256_GCM_SHA384 "GET /http-bind?room=r HTTP/1.1" 5`},
	{"further fields", "auto",
		`192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 17 "/?token=a" "192.0.2.9"`,
		`{192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 17 "/?token=-" "{192.0.2.9}"`},
	{"virtual host behind the client", "auto",
		`192.0.2.1:11111 meet.example.org:443 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5`,
		`{192.0.2.1} meet.example.org:443 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5`},
	{"forwarded list", "auto",
		`192.0.2.1, 2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0"`,
		`{192.0.2.1}, {2001:db8::1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0"`},
	{"syslog", "combined",
		`<134>Nov 22 07:23:56 192.0.2.53 httpd[12]: 192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0"`,
		`<134>Nov 22 07:23:56 192.0.2.53 httpd[12]: {192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0"`},
	{"docker compose", "vhost_combined",
		`web-1  | meet.example.org:443 192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0"`,
		`web-1  | meet.example.org:443 {192.0.2.1} - - [22/Nov/2026:07:23:55 +0000] "GET /http-bind?room=r HTTP/1.1" 200 5 "-" "curl/8.5.0"`},
	{"docker", "common",
		`{"log":"h.example.org - - [22/Nov/2026:07:23:55 +0000] \"GET /http-bind?room=r\u0026ip=192.0.2.9\u0026token=x HTTP/1.1\" 200 5\n","stream":"stdout","time":"2026-11-23T01:00:00.1Z"}`,
		`{"log":"{name:h.example.org} - - [22/Nov/2026:07:23:55 +0000] \"GET /http-bind?room=r\u0026ip={192.0.2.9}\u0026token=- HTTP/1.1\" 200 5\n","stream":"stdout","time":"2026-11-23T01:00:00.1Z"}`},
	{"json in docker", "json",
		`{"log":"{\"time\":\"2026-11-22T07:23:55+0000\",\"remote_ip\":\"192.0.2.1\",\"request\":\"GET /http-bind?room=caf\\u00e9 HTTP/1.1\",\"status\":\"200\"}\n","stream":"stdout","time":"2026-11-23T01:00:00.1Z"}`,
		`{"log":"{\"time\":\"2026-11-22T07:23:55+0000\",\"remote_ip\":\"{192.0.2.1}\",\"request\":\"GET /http-bind?room=caf\\u00e9 HTTP/1.1\",\"status\":\"200\"}\n","stream":"stdout","time":"2026-11-23T01:00:00.1Z"}`},
	{"traefik", "json",
		`{"ClientAddr":"192.0.2.9:63239","ClientHost":"192.0.2.1, 2001:db8::1","RequestPath":"/http-bind?room=r","DownstreamStatus":200,"time":"2026-11-22T07:23:55Z"}`,
		`{"ClientAddr":"{192.0.2.9}","ClientHost":"{192.0.2.1}, {2001:db8::1}","RequestPath":"/http-bind?room=r","DownstreamStatus":200,"time":"2026-11-22T07:23:55Z"}`},
}

func TestSteadyLines(t *testing.T) {
	c := testCipher(t, "ipcrypt")
	test := func(name, format, log, want string, records bool) {
		t.Run(name, func(t *testing.T) {
			f := New(newConfig(t, format), newCalendar())
			lines, b := []byte(strings.Repeat(log, 3)), &Batch{}
			treat := func() {
				b.Reset()
				f.renew()
				f.treatLines(b, lines)
			}
			treat()
			require.Len(t, b.Parts, 1)
			assert.Equal(t, strings.Repeat(guardtest.Expand(t, c.Cipher, want), 3), string(b.Parts[0].Lines))
			assert.Equal(t, records, len(b.Parts[0].Records) > 0, "a room is counted")
			for range 3 {
				treat()
			}
			assert.Zero(t, testing.AllocsPerRun(100, treat))
			assert.Equal(t, strings.Repeat(guardtest.Expand(t, c.Cipher, want), 3), string(b.Parts[0].Lines))
			assert.Empty(t, b.Parts[0].Records)
			assert.Zero(t, f.Stats().Failed+f.Stats().Adjusted+f.Stats().Overflow)
		})
	}
	all, allWant := "", ""
	for _, s := range steady {
		test(s.name, s.format, s.line+"\n", s.want+"\n", strings.Contains(s.line, "?room="))
		if s.name != "LogFormat" && s.name != "error, its format" {
			all, allWant = all+s.line+"\n", allWant+s.want+"\n"
		}
	}
	test("auto", "auto", all, allWant, true)
}

// BenchmarkTreat treats the same lines in several formats; those of JSON and the error log
// differ. malformed are lines that do not fit the format.
//
//	go test ./filter -run xxx -bench Treat
func BenchmarkTreat(b *testing.B) {
	logs := recordedLogs(b)
	combined := logs["apache-combined-2015.log"]
	for _, bench := range []struct{ name, format, log string }{
		{"format=combined", "combined", combined},
		{"format=vhost_combined", "vhost_combined", regexp.MustCompile(`(?m)^(.)`).ReplaceAllString(combined, "www.example.org:443 $1")},
		{"format=auto", "auto", combined},
		{"format=custom", `%h %l %u %t "%r" %>s %O "%{Referer}i" "%{User-Agent}i"`, combined},
		{"format=json", "json", logs["json.log"]},
		{"format=error", "error", logs["error.log"]},
		{"format=malformed", "error", combined},
		{"format=malformed-error", "combined", logs["error.log"]},
	} {
		b.Run(bench.name, func(b *testing.B) {
			f := New(newConfig(b, bench.format), everyDay())
			log, batch := []byte(bench.log), &Batch{}
			lines := strings.Count(bench.log, "\n")
			treat := func() {
				batch.Reset()
				f.renew()
				f.treatLines(batch, log)
			}
			treat()
			treated := 0
			for _, p := range batch.Parts {
				treated += strings.Count(string(p.Lines), "\n")
			}
			require.Equal(b, lines, treated)
			b.SetBytes(int64(len(log)))
			b.ReportAllocs()
			for b.Loop() {
				treat()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N*lines), "ns/line")
		})
	}
}
