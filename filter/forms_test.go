package filter

import (
	"strings"
	"testing"

	"hushpipe/filter/counters"
	"hushpipe/filter/guard/guardtest"

	"github.com/stretchr/testify/assert"
)

// TestForms: with auto, the same clients are counted in the same rooms in each form that
// servers and log services write, for addresses and for host names.
func TestForms(t *testing.T) {
	t.Run("addresses", func(t *testing.T) {
		testForms(t, []string{"198.51.100.1", "198.51.100.2", "2001:db8::3", "198.51.100.1"})
	})
	t.Run("names", func(t *testing.T) {
		testForms(t, []string{"dsl-1.example.net", "dsl-2.example.net", "localhost", "dsl-1.example.net"})
	})
}

func testForms(t *testing.T, clients []string) {
	usual := func(client, room string) string {
		return client + ` - - ` + stampText + ` "POST /http-bind?room=` + room + ` HTTP/1.1" 200 5 "-" "Mozilla/5.0"`
	}
	log := func(line func(client, room string) string) string {
		var b strings.Builder
		for i, c := range clients {
			b.WriteString(line(c, []string{"alpha", "alpha", "beta", "beta"}[i]) + "\n")
		}
		return b.String()
	}
	json := func(s string) string { return strings.NewReplacer(`\`, `\\`, `"`, `\"`).Replace(s) }
	bracketed := func(client string) string {
		if strings.Contains(client, ":") {
			return "[" + client + "]"
		}
		return client
	}
	want, _, _ := counted(t, "combined", log(usual))
	assert.Len(t, want, 4)
	for name, line := range map[string]func(client, room string) string{
		"combined":   usual,
		"combinedio": func(c, r string) string { return usual(c, r) + ` 812 1024` },
		"main":       func(c, r string) string { return usual(c, r) + ` "203.0.113.5"` },
		"main without a list": func(c, r string) string {
			return usual(c, r) + ` "-"`
		},
		"traefik's common": func(c, r string) string { return usual(c, r) + ` 1 "web@docker" "http://10.0.0.5:80" 5ms` },
		"common with the time": func(c, r string) string {
			return c + ` - - ` + stampText + ` "POST /http-bind?room=` + r + ` HTTP/1.1" 200 471 17`
		},
		"ssl_request_log": func(c, r string) string {
			return stampText + ` ` + c + ` TLSv1.2 ECDHE-RSA-AES128-GCM-SHA256 "POST /http-bind?room=` + r + ` HTTP/1.1" 1375`
		},
		"the virtual host behind":         func(c, r string) string { return strings.Replace(usual(c, r), " ", " www.example.org ", 1) },
		"the virtual host behind a port":  func(c, r string) string { return bracketed(c) + ":11111 www.example.org:443" + usual("", r) },
		"the virtual host before":         func(c, r string) string { return "www.example.org " + usual(c, r) },
		"the virtual host before a port":  func(c, r string) string { return "www.example.org:443 " + usual(bracketed(c)+":11111", r) },
		"the server's address before":     func(c, r string) string { return "192.0.2.7:443 " + usual(c, r) },
		"a forwarded list":                func(c, r string) string { return usual(c+", 203.0.113.22", r) },
		"a forwarded list without blanks": func(c, r string) string { return usual(c+",203.0.113.22,203.0.113.23", r) },
		"a virtual host and a list":       func(c, r string) string { return "www.example.org:443 " + usual(c+", 203.0.113.22", r) },
		"an identity": func(c, r string) string {
			return "Dec 16 00:00:00 prod.site.com auth-apache-access: " + strings.Replace(usual(c, r), " - - ", " 9999 - ", 1)
		},
		"syslog":         func(c, r string) string { return "<134>Nov 22 07:23:56 web1 httpd: " + usual(c, r) },
		"journal":        func(c, r string) string { return "Nov 22 07:23:56 web1 httpd[12]: " + usual(c, r) },
		"RFC 5424":       func(c, r string) string { return "<134>1 2026-11-22T07:23:56Z web1 httpd - - - " + usual(c, r) },
		"docker compose": func(c, r string) string { return "web-1  | " + usual(c, r) },
		"CRI":            func(c, r string) string { return "2026-11-22T07:23:56.123456789Z stdout F " + usual(c, r) + ` "-"` },
		"json-file": func(c, r string) string {
			return `{"log":"` + json(usual(c, r)) + `\n","stream":"stdout","time":"2026-11-22T07:23:56.1Z"}`
		},
		"filebeat": func(c, r string) string {
			return `{"@timestamp":"2026-11-22T07:23:56.003Z","message":"` + json(usual(c, r)) + `","host":{"name":"web1","ip":["192.0.2.53"]}}`
		},
		"traefik": func(c, r string) string {
			return `{"ClientAddr":"192.0.2.2:63239","ClientHost":"` + c + `, 203.0.113.5","RequestPath":"/http-bind?room=` + r + `","DownstreamStatus":200,"time":"2026-11-22T07:23:55Z"}`
		},
		"envoy": func(c, r string) string {
			return `{"start_time":"2026-11-22T07:23:55.1Z","method":"POST","path":"/http-bind?room=` + r + `","response_code":200,"downstream_remote_address":"` + bracketed(c) + `:5555"}`
		},
		"syslog behind a relay": func(c, r string) string {
			return "<134>Nov 22 07:23:56 relay httpd: Nov 22 07:23:56 web1 httpd: " + usual(c, r)
		},
		"journalctl in ISO 8601":  func(c, r string) string { return "2026-11-22T07:23:56+0000 web1 httpd[12]: " + usual(c, r) },
		"kubectl logs with times": func(c, r string) string { return "2026-11-22T07:23:56.123456789Z " + usual(c, r) },
		"journalctl in JSON": func(c, r string) string {
			return `{"__REALTIME_TIMESTAMP":"1795332236000000","_HOSTNAME":"web1","MESSAGE":"` + json(usual(c, r)) + `"}`
		},
		"GELF": func(c, r string) string {
			return `{"version":"1.1","host":"web1","short_message":"` + json(usual(c, r)) + `","timestamp":1795332236.1}`
		},
		"Elastic Common Schema, the line": func(c, r string) string {
			return `{"@timestamp":"2026-11-22T07:23:56Z","event":{"original":"` + json(usual(c, r)) + `"}}`
		},
		"Elastic Common Schema, its fields": func(c, r string) string {
			return `{"@timestamp":"2026-11-22T07:23:56Z","client":{"address":"` + c + `"},"url":{"path":"/http-bind","query":"room=` + r + `"}}`
		},
		"Elastic Common Schema with dots": func(c, r string) string {
			return `{"@timestamp":"2026-11-22T07:23:56Z","source.ip":"` + c + `","url.original":"/http-bind?room=` + r + `","http.response.status_code":200}`
		},
		"the proxy, then a forwarded list": func(c, r string) string { return "192.0.2.4 " + usual(c+", 203.0.113.22", r) },
		"a byte order mark":                func(c, r string) string { return "\ufeff" + usual(c, r) },
		"empty lines":                      func(c, r string) string { return "\n" + usual(c, r) + "\n\r" },
	} {
		if name == "the virtual host behind" && clients[0] > "a" {
			continue // if there are two names without ports, the second is the client
		}
		t.Run(name, func(t *testing.T) {
			got, leftOut, stats := counted(t, "auto", log(line))
			assert.Equal(t, want, got)
			assert.Zero(t, leftOut)
			assert.Zero(t, stats.Malformed+stats.Glued+stats.Adjusted)
		})
	}
}

// TestEmptyLines: empty lines are kept, and count neither as malformed nor as undated. A byte
// order mark is not part of a line.
func TestEmptyLines(t *testing.T) {
	for _, format := range []string{"auto", "combined", "json"} {
		got, stats := treated(t, newConfig(t, format), newCalendar(), "\n\n\r\n\ufeff\n")
		assert.Equal(t, "\n\n\r\n\n", got, format)
		assert.Equal(t, counters.Values{Lines: 4}, stats, format)
	}
	c := testCipher(t, "ipcrypt")
	for log, want := range map[string]string{
		"\ufeff192.0.2.1 - - " + stampText + ` "-" 408 -` + "\n": "{192.0.2.1} - - " + stampText + ` "-" 408 -` + "\n",
		"\ufeffdsl-1.example.net - - x\n":                        "{name:dsl-1.example.net} - - x\n",
	} {
		got, _ := treated(t, newConfig(t, "auto"), newCalendar(), log)
		assert.Equal(t, guardtest.Expand(t, c.Cipher, want), got)
	}
}

// TestUncounted: lines whose room cannot be counted are counted by reason: no client, no
// request, no query. Requests that the server refused are not.
func TestUncounted(t *testing.T) {
	const at = ` - - ` + stampText + ` "`
	for _, test := range []struct {
		name, format, line              string
		noClient, noRequest, roomUnseen uint64
	}{
		{"usual", "auto", `192.0.2.1` + at + `GET /http-bind?room=a HTTP/1.1" 200 5`, 0, 0, 0},
		{"usual, another page", "auto", `192.0.2.1` + at + `GET / HTTP/1.1" 200 5`, 0, 0, 0},
		{"without client", "auto", `-` + at + `GET / HTTP/1.1" 200 5`, 1, 0, 0},
		{"without client, refused", "auto", `-` + at + `GET / HTTP/1.1" 403 5`, 0, 0, 0},
		{"without request", "auto", `192.0.2.1` + at + `-" 200 5`, 0, 1, 0},
		{"without request, as the client said nothing", "auto", `192.0.2.1` + at + `-" 408 -`, 0, 0, 0},
		{"JSON without either", "auto", `{"msg":"starting","ts":1795332235}`, 1, 1, 0},
		{"in a wrapper, without request", "auto", `{"log":"192.0.2.1 - - [22/Nov/2026:07:23:55 +0000] \"-\" 200 5\n"}`, 0, 1, 0},
		{"error log, which has no requests", "auto", `[Sun Nov 22 07:23:55 2026] [error] [client 192.0.2.1] a`, 0, 0, 0},
		{"error log without client", "auto", `[Sun Nov 22 07:23:55 2026] [notice] a`, 0, 0, 0},
		{"a format without client", `%v %t "%r" %>s`, `h.example.org ` + stampText + ` "GET /http-bind?room=a HTTP/1.1" 200`, 1, 0, 0},
		{"a format without request", `%h %t %>s`, `192.0.2.1 ` + stampText + ` 200`, 0, 1, 0},
		{"a room's URL without query", `%h %t "%m %U" %>s`, `192.0.2.1 ` + stampText + ` "POST /http-bind" 200`, 0, 0, 1},
		{"another URL without query", `%h %t "%m %U" %>s`, `192.0.2.1 ` + stampText + ` "POST /http-bin" 200`, 0, 0, 0},
		{"malformed", "common", `192.0.2.1`, 0, 0, 0},
		{"empty", "common", ``, 0, 0, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := newConfig(t, test.format)
			_, stats := treated(t, cfg, newCalendar(), strings.Repeat(test.line+"\n", 2))
			assert.Equal(t, []uint64{2 * test.noClient, 2 * test.noRequest, 2 * test.roomUnseen},
				[]uint64{stats.WithoutClient, stats.WithoutRequest, stats.RoomUnseen})
			cfg.Rooms = nil
			_, stats = treated(t, cfg, newCalendar(), test.line+"\n")
			assert.Zero(t, stats.WithoutClient+stats.WithoutRequest+stats.RoomUnseen, "nobody counts rooms")
		})
	}
}
