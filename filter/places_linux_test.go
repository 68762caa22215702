package filter

import (
	"testing"

	"github.com/stretchr/testify/assert"
)

// place is a place in a line for bytes that a client chooses.
type place struct {
	name, format, before, after string
	tokens                      []string
}

// textTokens are the tokens of patterns in texts. <4>, <6>, <d> and <h> are replaced by a new
// IPv4 address, IPv6 address, address with dashes, or host name each time.
var textTokens = []string{
	":", "::1", ":::1", "1", "1.", ".", "1.1.1.1", "a", "g", ",", "=", ";", "&", "/", " ", `\"`, `\\`, `\x3a`, `\x`, "%", "%3A", "%2E", "%25", "%2", "%3D", "%3",
	`\u003a`, `\u00`, "[", "]", "{", "}", `"`, "token=", "for=", "S", "-", "?", "<4>", "<6>", "<h>", "%EF%B7%BA", "ｱ", "Σ", "%CC%81", "\u0301", "\u0316", "ᄀ", "ᅡ", "가", "İ", "ä", "ﷺ", "㌀", "%C3", "12:34:56", "2026-11-22", "'", "Name/", "0", "://", " - ", " HTTP/1.1", "::ffff:", "100::", "\x00",
	"//", "@", "%2F", "%40", `\/`, "1-2-3-4", "<d>",
}

// listTokens and keyTokens are those of JSON.
var listTokens = []string{`1,`, `"a",`, `"",`, `null,`, `true,`, `{},`, `[],`, `{"a":1},`, `-,`, `"::1",`, `"1.1.1.1",`, `"<6>",`, `"<4>",`, `"<h>",`, `"aaaaaaaaaa",`, `[1],`, `{"":[]},`, `"\"",`, `"\u003a",`, `"%25",`, `"=",`, `"token=",`, `[[[[[]]]]],`, `200,`, `1.1,`, `"a,a",`, " ", `"12345678",`}
var keyTokens = []string{`"a":1,`, `"":"",`, `"ip":1,`, `"ip":"a",`, `"ip":"::1",`, `"ip":"<6>",`, `"xff":"a,a",`, `"xff":"::1",`, `"status":200,`, `"status":"200",`, `"time":"2026-11-22",`, `"time":1,`, `"request":"GET / HTTP/1.1",`, `"uri":"/a",`, `"uri":"/a?a",`, `"headers":{},`, `"\u0061":1,`, `"::1":1,`, `"1.1.1.1":"1.1.1.1",`, `"args":"?a",`, `"user_agent":"a",`, `"forwarded":"a;a",`, `"a_-.b":{},`, `"@a":[],`, `"http_ip":true,`, `"msg":"a=a=",`}

const tail = ` - - ` + stampText + ` "GET / HTTP/1.1" 200 5`

// places are all places for a client's bytes, including those in glued lines.
var places = []place{
	{"client", "auto", "", tail, textTokens},
	{"client-named", "combined", "", tail + ` "-" "-"`, textTokens},
	{"vhost", "auto", "", " 192.0.2.1" + tail, textTokens},
	{"user", "auto", "192.0.2.1 - ", " " + stampText + ` "GET / HTTP/1.1" 200 5`, textTokens},
	{"target", "auto", "192.0.2.1 - - " + stampText + ` "GET /`, ` HTTP/1.1" 200 5`, textTokens},
	{"query", "auto", "192.0.2.1 - - " + stampText + ` "GET /a?b=`, ` HTTP/1.1" 200 5 "-" "-"`, textTokens},
	{"room", "auto", "192.0.2.1 - - " + stampText + ` "GET /http-bind?room=`, ` HTTP/1.1" 200 5 "-" "-"`, textTokens},
	{"room-args", "auto", "192.0.2.1 - - " + stampText + ` "GET /http-bind?`, ` HTTP/1.1" 200 5 "-" "-"`, textTokens},
	{"room-tenant", "auto", "192.0.2.1 - - " + stampText + ` "GET /`, `/http-bind?room=a HTTP/1.1" 200 5 "-" "-"`, textTokens},
	{"method", "auto", "192.0.2.1 - - " + stampText + ` "`, `" 200 5 "-" "-"`, textTokens},
	{"referrer", "auto", "192.0.2.1 - - " + stampText + ` "GET / HTTP/1.1" 200 5 "http://a/`, `" "-"`, textTokens},
	{"referrer-prose", "auto", "192.0.2.1 - - " + stampText + ` "GET / HTTP/1.1" 200 5 "a b `, `" "-"`, textTokens},
	{"agent", "auto", "192.0.2.1 - - " + stampText + ` "GET / HTTP/1.1" 200 5 "-" "`, `"`, textTokens},
	{"xff", `%h %{X-Forwarded-For}i %l %u %t "%r" %>s %b`, "192.0.2.1 ", tail, textTokens},
	{"xff-quoted", `%h %l %u %t "%r" %>s %b "%{X-Forwarded-For}i"`, "192.0.2.1" + tail + ` "`, `"`, textTokens},
	{"forwarded", `%h %l %u %t "%r" %>s %b "%{Forwarded}i"`, "192.0.2.1" + tail + ` "`, `"`, textTokens},
	{"header", `%h %l %u %t "%r" %>s %b "%{Cookie}i"`, "192.0.2.1" + tail + ` "`, `"`, textTokens},
	{"error", `error`, "[Sun Nov 22 07:23:55.05 2026] [core:error] [pid 1:tid 2] [client 192.0.2.1:443] AH1: ", `, referer: http://192.0.2.2/?sid=abc`, textTokens},
	{"json-text", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","x":"`, `"}`, textTokens},
	{"json-key", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","`, `":"x"}`, textTokens},
	{"json-request", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","request":"GET /`, ` HTTP/1.1"}`, textTokens},
	{"json-room", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","request":"GET /http-bind?room=`, ` HTTP/1.1"}`, textTokens},
	{"json-xff", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","xff":"`, `"}`, textTokens},
	{"json-forwarded", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","forwarded":"`, `"}`, textTokens},
	{"json-client", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"`, `"}`, textTokens},
	{"json-msg", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","msg":"`, `"}`, textTokens},
	{"json-list", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","x":[`, `0]}`, listTokens},
	{"json-ip-list", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","headers":{"X-Real-Ip":[`, `0]}}`, listTokens},
	{"json-xff-list", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","headers":{"X-Forwarded-For":[`, `0]}}`, listTokens},
	{"json-keys", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1",`, `"x":0}`, keyTokens},
	{"json-headers", "auto", `{"time":"2026-11-22T07:23:55+0000","ip":"192.0.2.1","headers":{`, `"x":0}}`, keyTokens},
	{"line", "auto", "", "", textTokens},
	{"line-combined", "combined", "192.0.2.1 ", "", textTokens},
	{"line-vhost", "vhost_combined", "", "", textTokens},
	{"line-json", "auto", "{", "", textTokens},
	{"line-json-open", "auto", `{"a":[`, "", listTokens},
	{"line-error", "error", "[", "", textTokens},
	{"line-dated", "auto", "192.0.2.1 - - " + stampText + ` "GET /`, "", textTokens},
}

// TestDashedInLines: addresses with dashes are replaced in each field that is searched for
// addresses, and in malformed lines.
func TestDashedInLines(t *testing.T) {
	const name = "ec2-198-51-100-7"
	for i := range places {
		p := &places[i]
		if p.tokens[0] != textTokens[0] {
			continue
		}
		for _, pattern := range []string{" " + name + ".x ", " ec2-198%2D51-100-7.x ", " " + name + "\x00.x "} {
			m := newMeter(t, p, "drop")
			m.put(pattern, 1)
			m.treatLine()
			assert.NotContains(t, string(m.batch.Parts[0].Lines), "100-7", p.name)
		}
	}
}
