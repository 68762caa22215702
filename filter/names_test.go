package filter

import (
	"bytes"
	"regexp"
	"strings"
	"testing"

	"hushpipe/filter/guard/guardtest"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestNames: which parts of a malformed line are replaced, and which stay.
func TestNames(t *testing.T) {
	for _, test := range []struct{ name, line, want string }{
		{"combined and two numbers", `dsl.example.net - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0" 812 1024`,
			`{name:dsl.example.net} - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "-" "Mozilla/5.0" 812 1024`},
		{"user", `dsl.example.net - mary ann [22/Nov/2026:07:23:55 +0000] "GET`, `{name:dsl.example.net} - mary ann [22/Nov/2026:07:23:55 +0000] "GET`},
		{"virtual host", `www.example.org:443 dsl.example.net - - [22/Nov`, `{name:www.example.org}:443 {name:dsl.example.net} - - [22/Nov`},
		{"list", `dsl.example.net, 192.0.2.1,b.example - - [22/Nov`, `{name:dsl.example.net}, {192.0.2.1},{name:b.example} - - [22/Nov`},
		{"no identity", `dsl.example.net x [22/Nov/2026:07:23:55 +0000] "GET`, `{name:dsl.example.net} {name:x} [22/Nov/2026:07:23:55 +0000] "GET`},
		{"behind the stamp", `[22/Nov/2026:07:23:55 +0000] dsl.example.net TLSv1.3 CIPHER "GET`, `[22/Nov/2026:07:23:55 +0000] {name:dsl.example.net} {name:TLSv1.3} CIPHER "GET`},
		{"stamp alone", `[22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200`, `[22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200`},
		{"two words", `dsl.example.net - `, `{name:dsl.example.net} - `},
		{"two words and more", `dsl.exam the second the third`, `{name:dsl.exam} {name:the} second the third`},
		{"one word", `dsl.exam`, `{name:dsl.exam}`},
		{"same name in a field", `DSL.example.net`, `{name:dsl.example.net}`},
		{"syslog", `<134>Nov 22 07:23:55 web httpd[9636]: dsl.example.net - - [22/Nov`, `<134>Nov 22 07:23:55 {name:web} {name:httpd}[9636]: {name:dsl.example.net} - - [22/Nov`},
		{"syslog, RFC 5424", `<134>1 2026-11-22T07:23:55Z web httpd 12 - dsl.example.net - - [22/Nov`, `<134>1 2026-11-22T07:23:55Z {name:web} {name:httpd} 12 - {name:dsl.example.net} - - [22/Nov`},

		{"httpd, other stamp", `[2026-11-22 07:23:55.123456] [core:error] [pid 1] [client dsl.example.net:5555] AH00126: Invalid URI`,
			`[2026-11-22 07:23:55.123456] [core:error] [pid 1] [client {name:dsl.example.net}:5555] AH00126: Invalid URI`},
		{"httpd, IPv6 in brackets", `[2026-11-22 07:23:55.123456] [core:error] [pid 1:tid 2] [client [2001:db8::1]:5555] a`,
			`[2026-11-22 07:23:55.123456] [core:error] [pid 1:tid 2] [client [{2001:db8::1}]:5555] a`},
		{"httpd, cut", `ent dsl.example.net:5555] AH00126: Invalid URI`, `{name:ent} {name:dsl.example.net}:5555] AH00126: Invalid URI`},
		{"httpd, cut before the level", `] [core:error] [pid 1:tid 2] [remote dsl.exam`, `] [core:error] [pid 1:tid 2] [remote {name:dsl.exam}`},
		{"httpd, denied", `[2026-11-22 07:23:55] [error] client denied by server configuration: /x`, `[2026-11-22 07:23:55] [error] client denied by server configuration: /x`},
		{"nginx", `2026/11/22 07:23:55 [crit] 76952#76952: *2454307 SSL_do_handshake() failed (x - y), client: dsl.example.net, server: www.example.org`,
			`2026/11/22 07:23:55 [crit] 76952#76952: *2454307 SSL_do_handshake() failed ({name:x} - y), client: {name:dsl.example.net}, server: www.example.org`},
		{"message", `2026/11/22 07:23:55 [crit] remote dsl.example.net:80 closed`, `2026/11/22 07:23:55 [crit] remote {name:dsl.example.net}:80 closed`},
		{"keys", `2026/11/22 07:23:55 [info] ip=dsl.example.net remote_host="b.example" url=/?ip=c`, `2026/11/22 07:23:55 [info] ip={name:dsl.example.net} remote_host="{name:b.example}" url=/?ip=c`},

		{"JSON", `{"time":"2026-11-22T07:23:55Z","remote_ip":"dsl.example.net","host":"www.example.org`, `{"time":"2026-11-22T07:23:55Z","remote_ip":"{name:dsl.example.net}","host":"www.example.org`},
		{"JSON, value cut", `{"host":"w", "clientip" : "dsl.exam`, `{"host":"w", "clientip" : "{name:dsl.exam}`},
		{"JSON, number", `{"ip":3232235777,"client":true,"addr":null`, `{"ip":{name:3232235777},"client":{name:true},"addr":null`},
		{"JSON, list", `{"x_forwarded_for":"a.example, 192.0.2.1", "X-Real-Ip":["b.example","c.example"],"a":`, `{"x_forwarded_for":"{name:a.example}, {192.0.2.1}", "X-Real-Ip":["{name:b.example}","{name:c.example}"],"a":`},
		{"JSON in JSON", `{"log":"{\"remote_addr\":\"dsl.example.net\",\"status\":200`, `{"log":"{\"remote_addr\":\"{name:dsl.example.net}\",\"status\":200`},
		{"JSON in a line", `{"a":"b` + `dsl.example.net - - [22/Nov`, `{"a":"{name:bdsl.example.net} - - [22/Nov`},
		{"JSON, key cut by a line", `{"a":"b","remo{"c":"d"}te_ip":"dsl.example.net"`, `{"a":"b","remo{"c":"d"}te_ip":"{name:dsl.example.net}"`},

		{"line in a line", `dsl.example.net - - [22/Nov/2026:07:23:55 +0000] "GET /xb.example - - [22/Nov/2026:07:23:55 +0000] "GET`,
			`{name:dsl.example.net} - - [22/Nov/2026:07:23:55 +0000] "GET /{name:xb.example} - - [22/Nov/2026:07:23:55 +0000] "GET`},
		{"peer, its beginning before another line", `[2026-11-22 07:23:55] a line ent dsl.example.net:5555] AH00126`, `[2026-11-22 07:23:55] {name:a} {name:line} ent {name:dsl.example.net}:5555] AH00126`},
		{"nginx, the same", `2026/11/22 07:23:55 [crit] GET /nt: dsl.example.net, server: www.example.org`, `2026/11/22 07:23:55 [crit] GET /nt: {name:dsl.example.net}, server: www.example.org`},
		{"JSON, key before another line", `{"a":"b","remo{"c":"d"}ost":"dsl.example.net"`, `{"a":"b","remo{"c":"d"}ost":"{name:dsl.example.net}"`},
		{"JSON, the whole key", `{"a":"b","remote_host{"c":"d"}":"dsl.example.net"`, `{"a":"b","remote_host{"c":"d"}":"{name:dsl.example.net}"`},
		{"JSON, value before another line", `{"x":"dsl{"c":"d"}.example.net","a":"b"`, `{"x":"dsl{"c":"d"}{name:.example.net}","a":"b"`},
		{"JSON, the colon behind another line", `{"remote_host"{"c":"d"}:"dsl.example.net"`, `{"remote_host"{"c":"d"}:"{name:dsl.example.net}"`},
		{"JSON, the value behind another line", `{"remote_host":{"c":"d"}"dsl.example.net","b":"c"`, `{"remote_host":{"c":"d"}"{name:dsl.example.net}","b":"c"`},
		{"line in a line, no identity", `{"a":"b", x b.example [22/Nov/2026:07:23:55 +0000] "GET`, `{"a":"b", {name:x} {name:b.example} [22/Nov/2026:07:23:55 +0000] "GET`},

		{"address", `192.0.2.1 - - [22/Nov`, `{192.0.2.1} - - [22/Nov`},
		{"address with escapes", `2001%3Adb8::1 - - [22/Nov`, `{2001:db8::1} - - [22/Nov`},
		{"address in a word", `peer=(192.0.2.1) x`, `{name:peer=}({192.0.2.1}) {name:x}`},
		{"nothing of a name", `- 12 5#5: *7`, `- 12 5#5: *7`},
		{"secret", `x?token=abc&y - `, `{name:x?token=abc&y}- - `},
		{"quoted secret", `a token='b c' d - `, `{name:a} {name:token='b}- {name:d} - `},
		{"too many", `a b c d e f g h i - `, `{name:a} {name:b} {name:c} {name:d} {name:e} {name:f g h i - }`},
		{"NUL bytes", "d\x00s\x00l\x00.\x00e\x00 \x00-\x00 \x00-\x00 \x00[\x002\x002\x00", "{name:dsl.e}\x00 \x00-\x00 \x00-\x00 \x00[\x002\x002\x00"},
		{"a blank", ` `, ` `},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, stats := treated(t, newConfig(t, "%t|%m"), newCalendar(), test.line+"\n")
			assert.Equal(t, guardtest.Expand(t, guardtest.Cipher(t, "ipcrypt"), test.want)+"\n", got)
			assert.EqualValues(t, 1, stats.Malformed)
		})
	}
}

// Names of clients that share no letters with the text around them, so that a piece of three
// bytes can be recognised.
const clientName, clientName2 = "zqz-198-51-100-7.qzq.zzq", "qqz.zqq.qzz"

var asServer = regexp.MustCompile(`^[-.0-9zq]*(?: -?)?$`)

var nameLeft = regexp.MustCompile(`[zq]{3}`)

// cutLines are lines of each format with a client's name in them.
func cutLines(name string) map[string]string {
	const (
		stamp  = "[22/Nov/2026:07:23:55 +0000]"
		agent  = `"https://www.example.org/a?b=c" "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101"`
		error  = `[Sun Nov 22 07:23:55.054538 2026] [core:error] [pid 9:tid 8] `
		common = ` - - ` + stamp + ` "GET /http-bind?room=r HTTP/1.1" 200 5`
	)
	return map[string]string{
		"common":         name + common,
		"user":           name + strings.Replace(common, "- -", "- mary", 1),
		"combined":       name + common + " " + agent,
		"combinedio":     name + common + " " + agent + " 812 1024",
		"vhost_combined": "www.example.org:443 " + name + common + " " + agent,
		"vhost_common":   "www.example.org " + name + common,
		"json":           `{"time":"2026-11-22T07:23:55+0000","remote_ip":"` + name + `","host":"www.example.org","request":"GET / HTTP/1.1","status":"200","user_agent":"Mozilla/5.0 (X11)"}`,
		"json, last":     `{"time":"22/Nov/2026:07:23:55 +0000", "request":"GET /a HTTP/1.1", "status":200, "agent":"a - b", "remote_host":"` + name + `"}`,
		"error":          error + `[client ` + name + `:50000] AH00126: Invalid URI in request GET /`,
		"error, source":  error + `core.c(12): (2)No such file: [client ` + name + `:50000] AH00126: Invalid URI`,
		"mod_rewrite":    strings.Replace(error, "core:error", "rewrite:trace1", 1) + `[client 192.0.2.1:50000] ` + name + ` - - [localhost/sid#55][rid#66/initial] init`,
		"nginx":          `2026/11/22 07:23:55 [error] 12#12: *34 open() "/var/www/x" failed (2: No such file), client: ` + name + `, server: www.example.org, request: "GET / HTTP/1.1"`,
	}
}

var cutFormats = []string{"auto", "combined", "common", "vhost_combined", "vhost_common", "json", "error",
	`%h %l %u %t "%r" %>s %b "%{Referer}i" "%{User-Agent}i" %I %O`,
	`{"time":"%{%FT%T%z}t","remote_ip":"%h","host":"%v","request":"%r","status":"%>s","user_agent":"%{User-Agent}i"}`}

// TestNamesOfCutLines: wherever a line is cut, and with any --format, neither a client's name
// nor a piece of it gets through.
func TestNamesOfCutLines(t *testing.T) {
	for _, spec := range cutFormats {
		f := New(newConfig(t, spec), newCalendar())
		for format, line := range cutLines(clientName) {
			for at := range len(line) + 1 {
				for side, piece := range map[string]string{"beginning": line[:at], "end": line[at:]} {
					out := treatedBy(t, f, piece)
					require.False(t, nameLeft.MatchString(out), "%s as %s, the %s: %q:\n%q", format, spec, side, piece, out)
				}
			}
			assert.Zero(t, f.Stats().Failed)
		}
	}
}

// TestNamesOfLinesInLines: the beginning of a line, followed by another line, or by the end of a
// third one.
func TestNamesOfLinesInLines(t *testing.T) {
	first, second := cutLines(clientName), cutLines(clientName2)
	for _, spec := range cutFormats {
		f := New(newConfig(t, spec), newCalendar())
		for a, outer := range first {
			for b, inner := range second {
				if pipeOf(a) != pipeOf(b) {
					continue // no server writes both to the same pipe
				}
				for at := range len(outer) + 1 {
					if asServer.MatchString(outer[:at]) && (strings.HasPrefix(b, "vhost") || strings.HasPrefix(spec, "vhost")) {
						continue // the format has the server's name there
					}
					line := outer[:at] + inner
					out := treatedBy(t, f, line)
					require.False(t, nameLeft.MatchString(out), "%s in %s as %s: %q:\n%q", b, a, spec, line, out)
				}
			}
		}
	}
}

// TestNamesOfEndsInLines: the beginning of an error line, followed by the end of another, cut
// anywhere.
func TestNamesOfEndsInLines(t *testing.T) {
	first, second := cutLines(clientName), cutLines(clientName2)
	f := New(newConfig(t, "error"), newCalendar())
	for a, outer := range first {
		for b, inner := range second {
			if pipeOf(a) != "error" || pipeOf(b) != "error" {
				continue
			}
			for at := 0; at <= len(outer); at += 3 {
				for from := range len(inner) {
					b := Batch{}
					f.renew()
					f.treatLines(&b, []byte(outer[:at]+inner[from:]+"\n"))
					for _, p := range b.Parts {
						require.False(t, nameLeft.Match(p.Lines), "%q:\n%q", outer[:at]+inner[from:], p.Lines)
					}
				}
			}
		}
	}
}

// TestNamesOfEndsOfKeys: the beginning of a JSON line, followed by the end of another, cut at a
// client's key.
func TestNamesOfEndsOfKeys(t *testing.T) {
	outer := cutLines(clientName)["json"]
	for _, spec := range []string{"auto", "json"} {
		f := New(newConfig(t, spec), newCalendar())
		for _, key := range []string{"remote_ip", "remote_host", "clientip", "client", "X-Forwarded-For", "cf-connecting-ip"} {
			inner := key + `":"` + clientName2 + `","status":"200"}`
			for at := range len(outer) + 1 {
				out := treatedBy(t, f, outer[:at]+inner)
				require.False(t, nameLeft.MatchString(out), "as %s: %q:\n%q", spec, outer[:at]+inner, out)
			}
		}
	}
}

// TestNamesOfLinesThatHoldLines: a whole line within another.
func TestNamesOfLinesThatHoldLines(t *testing.T) {
	first, second := cutLines(clientName), cutLines(clientName2)
	for _, spec := range []string{"auto", "combined", "json", "error"} {
		f := New(newConfig(t, spec), newCalendar())
		for a, outer := range first {
			for b, inner := range second {
				if pipeOf(a) != pipeOf(b) || strings.HasPrefix(a, "vhost") != strings.HasPrefix(b, "vhost") {
					continue
				}
				for at := range len(outer) + 1 {
					if asServer.MatchString(outer[:at]) && strings.HasPrefix(b, "vhost") {
						continue // the format has the server's name there
					}
					line := outer[:at] + inner + outer[at:]
					out := treatedBy(t, f, line)
					require.False(t, nameLeft.MatchString(out), "%s in %s as %s: %q:\n%q", b, a, spec, line, out)
				}
			}
		}
	}
}

// TestNamesAllocs: the search for names does not allocate, and is bounded for each line.
func TestNamesAllocs(t *testing.T) {
	f := New(newConfig(t, "%t|%m"), newCalendar())
	var lines []byte
	for _, line := range cutLines(clientName) {
		lines = append(append(lines, line...), '\n')
		lines = append(append(lines, strings.Join(strings.Split(line, ""), "\x00")...), '\n')
	}
	b := Batch{}
	treat := func() {
		b.Reset()
		f.renew()
		f.treatLines(&b, lines)
	}
	treat()
	assert.Equal(t, 0.0, testing.AllocsPerRun(20, treat))
	assert.Equal(t, f.Stats().Lines, f.Stats().Malformed)
	assert.False(t, nameLeft.Match(bytes.ReplaceAll(b.Parts[0].Lines, []byte{0}, nil)))
}

func pipeOf(format string) string {
	switch {
	case strings.HasPrefix(format, "json"):
		return "json"
	case strings.HasPrefix(format, "error"), format == "mod_rewrite":
		return "error"
	}
	if format == "nginx" {
		return format
	}
	return "access"
}

// treatedBy returns the treated line, "" if it is too old to be written.
func treatedBy(t testing.TB, f *Filter, line string) string {
	b := Batch{}
	f.renew()
	expired := f.Stats().Expired
	f.treatLines(&b, []byte(line+"\n"))
	if f.Stats().Expired > expired {
		return ""
	}
	require.Len(t, b.Parts, 1, "%q", line)
	return string(b.Parts[0].Lines)
}

// FuzzNames: whatever text is before and after a client, its name does not get through.
func FuzzNames(f *testing.F) {
	for _, line := range cutLines("client.example") {
		f.Add(line[:len(line)/3], line[len(line)/3:])
		f.Add(line, "")
	}
	f.Add(`{"ip":"`, `","b":"\\`)
	f.Add("[client ", "]")
	f.Add("a b c d e f g h i ", " - ")
	f.Add("\x00token=", "\x00")
	f.Add("Sun XX X0 00:0XXXXXX000 0000  [X0XXXX0:trace0", "Client A - ")
	f.Add("Sun Nov 0 0!0.0.000000 0 [trace", "!Client A - ")
	f.Add("ip:", "\",\"b\":\x00\x01\\")
	f.Add(`22/Nov/2026:07:23:55 +0000", "status":200, "remote_host":`, "\xcb")
	f.Add("[pid 9:tid 8] [client", "a")
	filters := map[string]*Filter{}
	for _, spec := range cutFormats {
		filters[spec] = New(newConfig(f, spec), newCalendar())
	}
	never := New(newConfig(f, "%t|%m"), newCalendar())
	f.Fuzz(func(t *testing.T, before, behind string) {
		if strings.Contains(before+behind, "\n") || nameLeft.MatchString(before+behind) || len(before+behind) > 4000 {
			return
		}
		for _, place := range []string{" NAME - - [22/Nov/2026", " NAME -", "[client NAME:80] x", " client: NAME, x", `"remote_ip":"NAME"`, `\"clientip\":\"NAME`} {
			line := before + strings.Replace(place, "NAME", clientName, 1) + behind
			out := treatedBy(t, never, line)
			require.False(t, nameLeft.MatchString(out), "%q: %q", line, out)
			// The cost of a name is bounded, and each run has at least three bytes.
			require.LessOrEqual(t, len(out), len(line)+40*(7+len(line)/64)+13*len(line), "%q", line)
		}
		for spec, f := range filters {
			treatedBy(t, f, before+behind)
			require.Zero(t, f.Stats().Failed, "%s: %q", spec, before+behind)
		}
		require.Zero(t, never.Stats().Failed)
	})
}
