package format

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// jsonLines are lines of three servers.
var jsonLines = map[string]string{
	// LogFormat "{ \"time\":\"%{%Y-%m-%d}tT%{%T}t.%{msec_frac}tZ\", \"remoteIP\":\"%a\", \"host\":\"%V\", \"request\":\"%U\", \"query\":\"%q\", \"method\":\"%m\", \"status\":\"%>s\", \"userAgent\":\"%{User-agent}i\", \"referer\":\"%{Referer}i\" }"
	"apache": `{ "time":"2026-11-22T06:46:00.123Z", "remoteIP":"2001:db8::7", "host":"meet.example.org", "request":"/k\xc3\xbcche/http-bind", "query":"?room=peterskonferenz&token=1.2.3.4", "method":"POST", "status":"200", "userAgent":"Mozilla/5.0 (X11; \"Linux\") Chrome/124.0.0.0", "referer":"https://192.0.2.9/Peter" }`,

	// log_format json escape=json '{"time_local":"$time_local",…}'
	"nginx": `{"time_local":"22/Nov/2026:06:46:00 +0100","remote_addr":"192.0.2.1","remote_user":"","request":"GET /xmpp-websocket?room=a%20b HTTP/1.1","status": "101","body_bytes_sent":"4711","request_time":"3.141","http_referrer":"https://meet.example.org/a","http_user_agent":"curl/8.5.0","http_x_forwarded_for":"198.51.100.7, 203.0.113.9"}`,

	"caddy": `{"level":"info","ts":1795330000.5241024,"logger":"http.log.access","msg":"handled request","request":{"remote_ip":"127.0.0.1","remote_port":"41342","client_ip":"192.0.2.33","proto":"HTTP/2.0","method":"GET","host":"localhost","uri":"/conference-request/v1?room=talk","headers":{"User-Agent":["curl/7.82.0"],"Accept":["*/*"],"Accept-Encoding":["gzip, deflate, br"],"X-Forwarded-For":["192.0.2.33","198.51.100.2"],"Date":["Thu Jan  1 00:00:00 1970"]},"tls":{"resumed":false,"version":772,"cipher_suite":4865,"proto":"h2","server_name":"example.com"}},"bytes_read":0,"user_id":"","duration":0.000929675,"size":10900,"status":200,"resp_headers":{"Server":["Caddy"],"Content-Encoding":["gzip"],"Status":["500"],"Content-Type":["text/html; charset=utf-8"],"Vary":["Accept-Encoding"]}}`,
}

func newJSON(t testing.TB, keys ...string) *jsonParser {
	j, err := newKeyedJSON(time.UTC, keys)
	require.NoError(t, err)
	return j
}

var kindNames = map[Kind]string{
	Plain: "plain", Text: "text", Client: "client", ClientList: "list", Forwarded: "forwarded",
	Request: "request", URL: "url", UserAgent: "agent",
}

// spell formats the fields of a line as "client:192.0.2.1", bare ones as "client!:1".
func spell(line []byte, fields []Field) []string {
	var out []string
	for _, f := range fields {
		bare := ""
		if f.Bare {
			bare = "!"
		}
		out = append(out, kindNames[f.Kind]+bare+":"+string(line[f.Start:f.End]))
	}
	return out
}

func TestJSONServers(t *testing.T) {
	for _, tt := range []struct {
		source string
		fields []string // without the keys
		client string
		day    string
		status int
		target string
	}{
		{"apache", []string{
			"plain:2026-11-22T06:46:00.123Z", "client:2001:db8::7", "text:meet.example.org", `request:/k\xc3\xbcche/http-bind`,
			"url:?room=peterskonferenz&token=1.2.3.4", "text:POST", "plain:200",
			`agent:Mozilla/5.0 (X11; \"Linux\") Chrome/124.0.0.0`, "url:https://192.0.2.9/Peter",
		}, "2001:db8::7", "2026-11-22", 200, "/küche/http-bind?room=peterskonferenz&token=1.2.3.4"},
		{"nginx", []string{
			"plain:22/Nov/2026:06:46:00 +0100", "client:192.0.2.1", "request:GET /xmpp-websocket?room=a%20b HTTP/1.1", "plain:101",
			"text:4711", "text:3.141", "url:https://meet.example.org/a", "agent:curl/8.5.0", "list:198.51.100.7, 203.0.113.9",
		}, "192.0.2.1", "2026-11-22", 101, "/xmpp-websocket?room=a%20b"},
		{"caddy", []string{
			"text:info", "text:http.log.access", "url:handled request",
			"client:127.0.0.1", "text:41342", "client:192.0.2.33", "text:HTTP/2.0", "text:GET", "text:localhost",
			"request:/conference-request/v1?room=talk",
			"agent:curl/7.82.0", "text:*/*", "text:gzip, deflate, br", "list:192.0.2.33", "list:198.51.100.2", "text:Thu Jan  1 00:00:00 1970",
			"text:h2", "text:example.com",
			"text:Caddy", "text:gzip", "text:500", "text:text/html; charset=utf-8", "text:Accept-Encoding",
		}, "192.0.2.33", "2026-11-22", 200, "/conference-request/v1?room=talk"},
	} {
		t.Run("source="+tt.source, func(t *testing.T) {
			line := []byte(jsonLines[tt.source])
			var out Line
			require.True(t, newJSON(t).Parse(line, &out))
			var values []Field
			for _, f := range out.Fields {
				if line[f.End] != '"' || line[f.End+1] != ':' { // a key
					values = append(values, f)
				}
			}
			assert.Equal(t, tt.fields, spell(line, values))
			f := out.Fields[out.Client]
			assert.Equal(t, tt.client, string(line[f.Start:f.End]))
			assert.True(t, out.HasDay)
			assert.Equal(t, tt.day, out.Day.String())
			assert.Equal(t, tt.status, out.Status)
			assert.Equal(t, tt.target, string(out.Target))
		})
	}
}

func TestJSONFields(t *testing.T) {
	for _, tt := range []struct{ line, want string }{
		{`{}`, ""},
		{` { } ` + "\r", ""},
		{`{"a":""}`, "text:a"},
		{`{"":"b"}`, "text:b"},
		{`{"a":"b","a":"c"}`, "text:a text:b text:a text:c"},
		{`{"1.2.3.4":"5.6.7.8"}`, "text:1.2.3.4 text:5.6.7.8"},
		{`{"a":"\\"}`, `text:a text:\\`},
		{`{"a":"\\\""}`, `text:a text:\\\"`},
		{`{"a":"\xc3\v\u00e9\ud83d\ude00\u12"}`, `text:a text:\xc3\v\u00e9\ud83d\ude00\u12`},
		{"{\"a\":\"\x00\x1f\xff\"}", "text:a text:\x00\x1f\xff"},
		{`{"a":[1,-2.5e+7,true,false,null,{},[]]}`, "text:a"},

		// A number, true or false in place of an address.
		{`{"ip":3232235777}`, "text:ip client!:3232235777"},
		{`{"ip":[1,null]}`, "text:ip client!:1"},
		{`{"xff":true,"forwarded":false}`, "text:xff client!:true text:forwarded client!:false"},
		{`{"ip":null}`, "text:ip"},

		// Keys match in any spelling, with escapes too, and at any depth.
		{`{"Client-IP":"a"}`, "text:Client-IP client:a"},
		{`{"client.ip":"a"}`, "text:client.ip client:a"},
		{`{"HTTP_Referer":"a"}`, "text:HTTP_Referer url:a"},
		{`{"cl\u0069ent":"a"}`, `text:cl\u0069ent client:a`},
		{`{"x":[{"client":{"ip":"a"}}]}`, "text:x text:client text:ip client:a"},
		{`{"http":"a"}`, "text:http text:a"},
		{`{"X-Forwarded-For":["a","b"]}`, "text:X-Forwarded-For list:a list:b"},
		{`{"Forwarded":"for=a"}`, "text:Forwarded forwarded:for=a"},
		{`{"true_client_ip":"a","http_cf_connecting_ip":"b","x_real_ip":"c"}`,
			"text:true_client_ip client:a text:http_cf_connecting_ip client:b text:x_real_ip client:c"},
		{`{"request_method":"a","request_time":"b","clientèle":"c"}`, "text:request_method text:a text:request_time text:b text:clientèle text:c"},

		// Only a value that is entirely a time or a status is harmless.
		{`{"time":"[22/Nov/2026:06:46:00 +0000]"}`, "text:time plain:[22/Nov/2026:06:46:00 +0000]"},
		{`{"time":"2026-11-22 1.2.3.4"}`, "text:time text:2026-11-22 1.2.3.4"},
		{`{"time":"2026\/11\/22"}`, `text:time text:2026\/11\/22`},
		{`{"status":"404"}`, "text:status plain:404"},
		{`{"status":"404 1.2.3.4"}`, "text:status text:404 1.2.3.4"},

		{`{"ms":012}`, "text:ms"},

		// httpd's output that is not JSON.
		{`{"bytes":-}`, "text:bytes"},
		{`{"bytes":- ,"ip":-,"a":[-,- ]}`, "text:bytes text:ip text:a"},
		{`{"user":""""}`, "text:user"},
		{`{"user":"""" ,"ip":"""","a":["""","b"]}`, "text:user text:ip text:a text:b"},
	} {
		t.Run(tt.line, func(t *testing.T) {
			var out Line
			require.True(t, newJSON(t).Parse([]byte(tt.line), &out))
			assert.Equal(t, tt.want, strings.Join(spell([]byte(tt.line), out.Fields), " "))
		})
	}
}

func TestJSONMalformed(t *testing.T) {
	for _, line := range []string{
		``, ` `, `null`, `1`, `"a"`, `[]`, `[{}]`, `{`, `}`, `{}}`, `{]`, `{} {}`, `{},`, `{}x`, `{"a"}`, `{"a":}`, `{"a":1,}`, `{"a":[1,]}`,
		`{"a" "b"}`, `{"a":"b" "c":"d"}`, `{"a":"b""c":"d"}`, `{"a":"b\"}`, `{a:1}`, `{"a":'b'}`, `{"a":tru}`, `{"a":truefalse}`,
		`{"ip":1.2.3.4}`, `{"ip":1.2.3}`, `{"ip":2001:db8::1}`, `{"a":1-2}`, `{"a":1e}`, `{"a":1.}`, `{"a":.5}`, `{"a":+1}`, `{"a":- 1}`, `{"a":--}`, `{"a":-"b"}`, `{"a":-:1}`, `{-}`, `{-:1}`, `-`, `{"a":-`,
		`{"a":""}"}`, `{"a":"""}`, `{"a":"""""}`, `{"a":""""b}`, `{"a":"" ""}`, `{"a":"b""""}`, `{"""":1}`, `{"""" :1}`, `{""""}`, `{"a":""""`,
		`{"a":nan}`, `{"a":-inf}`, `{"a":0x1}`, "{\"a\":1\x00}", "\xef\xbb\xbf{}",
		`{"a":` + strings.Repeat("[", maxJSONDepth) + strings.Repeat("]", maxJSONDepth) + `}`,
		strings.Repeat(`{"a":`, 1<<20),
		`{"a":[` + strings.Repeat("1,", maxJSONTokens) + `1]}`, `{"a":[` + strings.Repeat("{},", maxJSONTokens) + `1]}`,
	} {
		t.Run(line[:min(len(line), 40)], func(t *testing.T) {
			var out Line
			assert.False(t, newJSON(t).Parse([]byte(line), &out))
		})
	}
}

func TestJSONCutInHalf(t *testing.T) {
	j := newJSON(t)
	for source, line := range jsonLines {
		var out Line
		for n := range len(line) {
			require.False(t, j.Parse([]byte(line[:n]), &out), "%s, first %d bytes", source, n)
			require.False(t, n > 0 && j.Parse([]byte(line[n:]), &out), "%s, from byte %d", source, n)
		}
		require.True(t, j.Parse([]byte(line), &out))
	}
}

func TestJSONLine(t *testing.T) {
	type told struct {
		client, day string
		status      int
		target      string
	}
	for _, tt := range []struct {
		keys, line string
		want       told
	}{
		{"", `{}`, told{}},

		// The client: what the server knows beats what a header claims.
		{"", `{"remote_addr":"a","client_ip":"b"}`, told{client: "b"}},
		{"", `{"client_ip":"-","remote_addr":"a","ip":"c"}`, told{client: "a"}},
		{"", `{"x_forwarded_for":"a","x_real_ip":"b","remote_ip":"c"}`, told{client: "c"}},
		{"", `{"x_forwarded_for":"a","x_real_ip":"b"}`, told{client: "b"}},
		{"", `{"http_client_ip":"a","remote_addr":"b"}`, told{client: "b"}},
		{"", `{"request":{"headers":{"Client-Ip":["a"]},"remote_ip":"b"}}`, told{client: "b"}},
		{"", `{"x_forwarded_for":["a","b"]}`, told{client: "a"}},
		{"", `{"ip":7}`, told{client: "7"}},
		{"", `{"client":"","xff":""}`, told{}},
		{"client=srcaddr", `{"client_ip":"a","SrcAddr":"b"}`, told{client: "b"}},
		{"client=Cf-Connecting-Ip", `{"client_ip":"a","headers":{"Cf-Connecting-Ip":["b"]}}`, told{client: "b"}},

		// The target.
		{"", `{"request":"GET \/a?b HTTP\/1.1"}`, told{target: "/a?b"}},
		{"", `{"request":"GET /a b HTTP/ HTTP/1.1"}`, told{target: "/a b HTTP/"}},
		{"", `{"request":"GET /a"}`, told{target: "/a"}},
		{"", `{"request":"OPTIONS * HTTP/1.1"}`, told{target: "*"}},
		{"", `{"request":"GET http://h/a HTTP/1.1"}`, told{target: "http://h/a"}},
		{"", `{"request":"-","url":""}`, told{}},
		{"", `{"request":"\x16\x03\x01"}`, told{}},
		{"", `{"request":"GET HTTP/1.1"}`, told{}},
		{"", `{"uri":"/a b?c","request":"GET /d HTTP/1.1","query":"e"}`, told{target: "/d"}},
		{"", `{"path":"/a","uri":"/b?c","request_uri":"/d"}`, told{target: "/b?c"}},
		{"", `{"path":"/a","uri":"/b","request_uri":"/d"}`, told{target: "/d"}},
		{"", `{"query":"c=d","uri":"/\u00fc\xc3\xbc\\"}`, told{target: `/üü\?c=d`}},
		{"", `{"query":"?c=d","uri":"/b"}`, told{target: "/b?c=d"}},
		{"", `{"query":"-","args":"c","uri":"/b"}`, told{target: "/b?c"}},
		{"", `{"query":"","uri":"/b"}`, told{target: "/b"}},
		{"", `{"query":"c","uri":"/b?"}`, told{target: "/b?"}},
		{"", `{"url":"https://h/a?b"}`, told{target: "https://h/a?b"}},
		{"", `{"http_date":"2026-11-22T06:46:00Z"}`, told{}},
		{"", `{"HTTP.Date":"2026-11-22T06:46:00Z","http-timestamp":"2026-11-22T06:46:00Z","http_time":"2026-11-22T06:46:00Z","http_ts":1795330000,"http_msec":1795330000.1,"http_datetime":"2026-11-22T06:46:00Z","http_start_time":"2026-11-22T06:46:00Z","http_time_local":"22/Nov/2026:06:46:00 +0100","http_time_iso8601":"2026-11-22T06:46:00Z"}`, told{}},
		{"", `{"http_date":"2026-11-01T06:46:00Z","time":"2026-11-22T06:46:00Z"}`, told{day: "2026-11-22"}},
		{"", `{"date":"2026-11-01T06:46:00Z","time":"2026-11-22T06:46:00Z"}`, told{day: "2026-11-22"}},
		{"time=http_date", `{"time":"2026-11-01T06:46:00Z","http_date":"2026-11-22T06:46:00Z"}`, told{day: "2026-11-22"}},
		{"", `{"http_status":"500","status":"200"}`, told{status: 200}},
		{"", `{"http_code":"500","response":"200"}`, told{status: 200}},
		{"", `{"http_status":"200"}`, told{status: 200}},
		{"", `{"http_request":"GET /a?b HTTP/1.1","request":"GET /c HTTP/1.1"}`, told{target: "/c"}},
		{"", `{"http_request":"GET /a?b HTTP/1.1","path":"/c"}`, told{target: "/c"}},
		{"", `{"http_request":"GET /a?b HTTP/1.1"}`, told{target: "/a?b"}},
		{"", `{"http_uri":"/a?b","path":"/c"}`, told{target: "/c"}},
		{"", `{"http_query":"b","query":"d","path":"/c"}`, told{target: "/c?d"}},
		{"", `{"headers":{"Uri":["/a?b"]},"uri":"/c"}`, told{target: "/c"}},
		{"request=endpoint", `{"request":"GET /a?b HTTP/1.1","endpoint":"/c","args":"d"}`, told{target: "/c?d"}},

		// The status.
		{"", `{"status":404}`, told{status: 404}},
		{"", `{"response":"404"}`, told{status: 404}},
		{"", `{"code":1,"response_code":2000,"status_code":"-"}`, told{}},
		{"", `{"code":500,"status":200}`, told{status: 200}},
		{"", `{"status":200.5}`, told{}},
		{"status=origin_status", `{"status":200,"origin_status":503}`, told{status: 503}},

		// The day.
		{"", `{"ts":1795330000.5}`, told{day: "2026-11-22"}},
		{"", `{"msec":"1795330000123"}`, told{day: "2026-11-22"}},
		{"", `{"time":0.004,"@timestamp":"2026-11-22T06:46:00+01:00"}`, told{day: "2026-11-22"}},
		{"", `{"date":"22\/Nov\/2026:23:59:60 -1200"}`, told{day: "2026-11-22"}},
		{"", `{"time":"yesterday","request_time":"1795330000"}`, told{}},
		{"time=began", `{"time":"2026-11-23","began":"2026-11-22"}`, told{day: "2026-11-22"}},
	} {
		t.Run(tt.keys+tt.line, func(t *testing.T) {
			var keys []string
			if tt.keys != "" {
				keys = strings.Split(tt.keys, ",")
			}
			var out Line
			require.True(t, newJSON(t, keys...).Parse([]byte(tt.line), &out))
			got := told{status: out.Status, target: string(out.Target)}
			if out.Client >= 0 {
				f := out.Fields[out.Client]
				got.client = tt.line[f.Start:f.End]
			}
			if out.HasDay {
				got.day = out.Day.String()
			}
			assert.Equal(t, tt.want, got)
		})
	}
}

func TestJSONEpochZone(t *testing.T) {
	j, err := newKeyedJSON(time.FixedZone("", 14*3600), nil)
	require.NoError(t, err)
	var out Line
	require.True(t, j.Parse([]byte(`{"ts":1795348800}`), &out)) // 2026-11-22T12:00:00Z
	assert.Equal(t, "2026-11-23", out.Day.String())
	require.True(t, j.Parse([]byte(`{"ts":"2026-11-22T12:00:00Z"}`), &out))
	assert.Equal(t, "2026-11-22", out.Day.String())
}

func TestJSONUserKeys(t *testing.T) {
	for _, tt := range []struct{ entry, err string }{
		{"client=a", ""},
		{"host=a", `json key "host=a": no role "host": want client, request, status or time`},
		{"client", `json key "client": want ROLE=KEY, ROLE being client, request, status or time`},
		{"client=_", `json key "client=_": want ROLE=KEY, ROLE being client, request, status or time`},
		{"", `json key "": want ROLE=KEY, ROLE being client, request, status or time`},
	} {
		_, err := newKeyedJSON(time.UTC, []string{tt.entry})
		if tt.err == "" {
			assert.NoError(t, err)
		} else {
			assert.IsType(t, &JSONKeyError{}, err)
			assert.EqualError(t, err, tt.err)
		}
	}

	// A list named by the user stays a list, and built-in keys stay known.
	line := []byte(`{"x_forwarded_for":"a, b","srcaddr":"c","remote_addr":"d","began":"e"}`)
	var out Line
	require.True(t, newJSON(t, "client=x_forwarded_for", "client=srcaddr", "time=began").Parse(line, &out))
	assert.Equal(t, []string{
		"text:x_forwarded_for", "list:a, b", "text:srcaddr", "client:c", "text:remote_addr", "client:d", "text:began", "text:e",
	}, spell(line, out.Fields))
	assert.Equal(t, 1, out.Client)
}

// A long line must not keep its memory.
func TestJSONLongLine(t *testing.T) {
	j := newJSON(t)
	var out Line
	const most = maxJSONTokens - 100
	require.True(t, j.Parse([]byte(`{"a":[`+strings.Repeat("1234567, ", most)+`-],"uri":"/b"}`), &out))
	require.Greater(t, cap(j.tokens), most)
	require.Equal(t, "/b", string(out.Target))
	require.True(t, j.Parse([]byte(jsonLines["nginx"]), &out))
	assert.Less(t, cap(j.tokens), 1000)
	assert.Zero(t, cap(j.patched))
}

// TestJSONBounds: lines that would take fastjson long are malformed. A line of usual length may
// be dense.
func TestJSONBounds(t *testing.T) {
	j := newJSON(t)
	var out Line
	for _, tt := range []struct {
		name, values string
		ok           bool
	}{
		{"a hundred small values", strings.Repeat("1,", 100), true},
		{"a thousand small values", strings.Repeat("1,", 1000), false},
		{"a thousand empty objects", strings.Repeat("{},", 1000), false},
		{"a thousand small texts", strings.Repeat(`"a",`, 1000), false},
		{"a thousand usual values", strings.Repeat(`"deflate",`, 1000), true},
		{"eight bad escapes", `"` + strings.Repeat(`\u12.`, 8) + `",`, true},
		{"nine bad escapes", `"` + strings.Repeat(`\u12.`, 9) + `",`, false},
		{"a thousand escapes", `"` + strings.Repeat(`\u00e4`, 1000) + `",`, true},
		{"a thousand escaped backslashes", `"` + strings.Repeat(`\\u`, 1000) + `",`, true},
	} {
		assert.Equal(t, tt.ok, j.Parse([]byte(`{"a":[`+tt.values+`0]}`), &out), tt.name)
	}
}

// httpdLines returns the lines of a log in testdata that httpd wrote.
func httpdLines(t testing.TB, name string) [][]byte {
	b, err := os.ReadFile(filepath.Join("..", "testdata", "httpd", name))
	require.NoError(t, err)
	require.NotEmpty(t, b)
	return bytes.Split(bytes.TrimSuffix(b, []byte("\n")), []byte("\n"))
}

// httpd wrote each request to both logs.
func TestJSONAgainstCombined(t *testing.T) {
	combined, err := Compile(combinedFormat, time.UTC)
	require.NoError(t, err)
	lines := httpdLines(t, "json.log")
	others := httpdLines(t, "combined.log")
	require.Len(t, others, len(lines))
	j := newJSON(t)
	var a, b Line
	for i, line := range lines {
		require.True(t, j.Parse(line, &a), "json.log:%d", i+1)
		require.True(t, combined.Parse(others[i], &b), "combined.log:%d", i+1)
		require.Equal(t, []any{b.Day, b.HasDay, b.Status, string(b.Target)}, []any{a.Day, a.HasDay, a.Status, string(a.Target)}, "json.log:%d", i+1)
		require.Equal(t, spell(others[i], b.Fields[b.Client:b.Client+1]), spell(line, a.Fields[a.Client:a.Client+1]), "json.log:%d", i+1)
	}
}

func TestJSONAllocs(t *testing.T) {
	lines := maps.Clone(jsonLines)
	lines["apache, odd"] = `{"ip":"192.0.2.1","user":"""","bytes":-,"request":"GET /a HTTP/1.1"}`
	for source, s := range lines {
		j, line := newJSON(t), []byte(s)
		var out, want Line
		require.True(t, newJSON(t).Parse(line, &want))
		fields := spell(line, want.Fields)
		n := testing.AllocsPerRun(100, func() {
			if !j.Parse(line, &out) {
				t.Fatal("malformed")
			}
		})
		assert.Zero(t, n, source)
		assert.Equal(t, fields, spell(line, out.Fields))
		assert.Equal(t, string(want.Target), string(out.Target))
	}
}

// FuzzJSON compares Parse with encoding/json. A line that is an object there is not malformed;
// each of its strings is a field, in order; and in any line that Parse accepts, the bytes
// outside the fields are only structure and numbers.
func FuzzJSON(f *testing.F) {
	for _, line := range jsonLines {
		f.Add([]byte(line))
	}
	for _, line := range httpdLines(f, "json.log")[:20] {
		f.Add(line)
	}
	for _, line := range []string{
		`{"a":[{"b":"\u00e9\ud83d\ude00\ud83d\\\"\/"},1e5,true,null]}`, `{"ip":1,"xff":[true,"a"]}`, `{"uri":"/\xc3","query":"a"}`,
		"{\"a\":\"\xff\x00\"}", `{"b":012}`, `{"ip":1.2.3.4}`,
		`{"user":"""","bytes":-,"a":["""" ,- ]}`,
	} {
		f.Add([]byte(line))
	}
	number := regexp.MustCompile(`^-?[0-9]+(\.[0-9]+)?([eE][-+]?[0-9]+)?$|^-$`)
	j := newJSON(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		var out Line
		ok := j.Parse(line, &out)
		tokens, depth, valid := stdTokens(line)
		if valid && depth <= maxJSONDepth {
			require.True(t, ok)
		}
		if !ok {
			return
		}
		var got []string
		var rest []byte
		end := 0
		for i, f := range out.Fields {
			require.True(t, end <= f.Start && f.Start < f.End && f.End <= len(line))
			if f.Bare {
				rest = fmt.Appendf(rest, "%s%q", line[end:f.Start], "")
			} else {
				require.True(t, line[f.Start-1] == '"' && line[f.End] == '"')
				rest = append(rest, line[end:f.Start]...)
				if valid {
					var s string
					require.NoError(t, json.Unmarshal(line[f.Start-1:f.End+1], &s))
					got = append(got, s)
				}
			}
			end = f.End
			require.True(t, i != out.Client || isClient(f.Kind))
		}
		rest = append(rest, line[end:]...)
		if valid {
			require.Equal(t, tokens, got)
		}
		for _, scalar := range strings.FieldsFunc(string(rest), func(r rune) bool { return strings.ContainsRune("{}[]:,\" \t\r\n", r) }) {
			if scalar != "true" && scalar != "false" && scalar != "null" {
				require.Regexp(t, number, scalar, "outside of the fields")
			}
		}
	})
}

// stdTokens returns the non-empty strings of a JSON object and its nesting, by encoding/json.
func stdTokens(line []byte) (strs []string, depth int, valid bool) {
	if t := bytes.TrimLeft(line, " \t\r\n"); len(t) == 0 || t[0] != '{' || !json.Valid(line) {
		return nil, 0, false
	}
	d := json.NewDecoder(bytes.NewReader(line))
	d.UseNumber()
	level := 0
	for {
		t, err := d.Token()
		if err == io.EOF {
			return strs, depth, true
		} else if err != nil {
			return nil, 0, false
		}
		switch t := t.(type) {
		case json.Delim:
			if t == '{' || t == '[' {
				level++
			} else {
				level--
			}
			depth = max(depth, level)
		case string:
			if t != "" {
				strs = append(strs, t)
			}
		}
	}
}

// go test ./format -run '^$' -bench JSON
func BenchmarkJSON(b *testing.B) {
	for source, status := range map[string]int{"apache": 200, "nginx": 101, "caddy": 200} {
		b.Run("source="+source, func(b *testing.B) {
			j, line := newJSON(b), []byte(jsonLines[source])
			var out Line
			require.True(b, j.Parse(line, &out))
			require.Equal(b, status, out.Status)
			require.NotEmpty(b, out.Target)
			b.SetBytes(int64(len(line)))
			b.ReportAllocs()
			for b.Loop() {
				j.Parse(line, &out)
			}
		})
	}
}

func TestClientKeysMayEnd(t *testing.T) {
	j, err := newKeyedJSON(time.UTC, []string{"client=srcÄ9", "client=peerZ", "request=xff"})
	require.NoError(t, err)
	keys := ClientKeysOf(j)
	for _, name := range []string{"ip", "IP", "remote_addr", "Forwarded", "X-Real-Ip", "http_x_forwarded_for", "client_", "srcÄ9", "peerz", "peerZ", "peer_z."} {
		is, _ := keys.Has([]byte(name))
		assert.True(t, is, name)
		assert.True(t, keys.MayEnd(name[len(name)-1]), name)
	}
	assert.True(t, keys.MayEnd('f'), "of xff, a built-in key")
	for _, c := range `1" x` {
		assert.False(t, keys.MayEnd(byte(c)), string(c))
	}
}

// TestJSONTexts: a text that may be a server's line counts as one only if it has a client and a
// request, and the line around it has no client.
func TestJSONTexts(t *testing.T) {
	const line = `192.0.2.1 - - ` + stamp + ` \"GET /a HTTP/1.1\" 200 5`
	for _, tt := range []struct{ line, client, target string }{
		{`{"msg":"` + line + `"}`, "192.0.2.1", "/a"},
		{`{"msg":"` + line + `","client":"192.0.2.2","uri":"/b"}`, "192.0.2.2", "/b"},
		{`{"client":"192.0.2.2","uri":"/b","event":"` + line + `"}`, "192.0.2.2", "/b"},
		{`{"msg":"starting [1]","client":"192.0.2.2","uri":"/b"}`, "192.0.2.2", "/b"},
		{`{"msg":"{\"a\":[1]}","uri":"/b"}`, "", "/b"},
		{`{"peer":{"name":"a.example","id":7},"uri":"/b"}`, "a.example", "/b"},
		{`{"service":{"name":"a"},"uri":"/b"}`, "", "/b"},
	} {
		var out Line
		require.True(t, newParser(t, "auto").Parse([]byte(tt.line), &out), tt.line)
		requireInOrder(t, []byte(tt.line), &out)
		client := ""
		if out.Client >= 0 {
			client = tt.line[out.Fields[out.Client].Start:out.Fields[out.Client].End]
		}
		assert.Equal(t, []string{tt.client, tt.target}, []string{client, string(out.Target)}, tt.line)
	}
}
