package format

import (
	"encoding/json"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// TestJSONNodes: the meaning of a value follows from its name and its surroundings. The server
// vouches for nothing that a client sends as a header.
func TestJSONNodes(t *testing.T) {
	for _, test := range []struct {
		line string
		want map[string]Role // by value
	}{
		{`{"ts":1795338000.5,"request":{"remote_ip":"a","proto":"b","method":"c","host":"d","uri":"/e","headers":{"Host":["f"],"User":["g"],"Method":["h"],"Status":["i"],"Date":["j"],"User-Agent":["k"],"Referer":["l"],"X-Real-Ip":["m"],"Size":["n"]}},"user_id":"o","status":200}`,
			map[string]Role{"1795338000.5": RoleTime, "a": RoleClient, "b": RoleProtocol, "c": RoleMethod, "d": RoleHost, "/e": RoleRequest, "f": RoleHost, "k": RoleAgent, "l": RoleReferer, "o": RoleUser, "200": RoleStatus}},
		{`{"headers":[{"name":"a","user":"b"},{"user":"c"}],"user":{"name":"d","id":"e"},"x":{"name":"f"}}`, map[string]Role{"d": RoleUser}},
		{`{"http_user":"a","http_version":"b","http_user_agent":"c","http_date":"d","http_size":"e","http_status":"f","http_x_real_ip":"g"}`,
			map[string]Role{"b": RoleProtocol, "c": RoleAgent, "f": RoleStatus}},
		{`{"client":{"ip":"a","host":"b","port":"c","geo":{"host":"d"}}}`, map[string]Role{"a": RoleClient, "b": RoleClient, "d": RoleHost}},
		{`{"us\u0065r":"a","query":"?b","body_bytes_sent":5,"request_time":0.5,"x":[1,["2"],null]}`, map[string]Role{"a": RoleUser, "?b": RoleQuery, "5": RoleSize, "0.5": RoleDuration}},
	} {
		p, err := New("json", time.UTC, nil)
		require.NoError(t, err)
		got, begun := map[string]Role{}, 0
		for _, n := range NewJSONNodes(p).Of([]byte("<1>"+test.line), 3) {
			switch n.Bracket {
			case '{', '[':
				begun++
			case '}', ']':
				begun--
			default:
				if n.Role != RoleOther {
					got[("<1>" + test.line)[n.Start:n.End]] = n.Role
				}
			}
		}
		assert.Equal(t, test.want, got, test.line)
		assert.Zero(t, begun)
	}
	p, _ := New("combined", time.UTC, nil)
	assert.Nil(t, NewJSONNodes(p))
}

// TestLogText: a JSON string survives both conversions, except for httpd's escapes.
func TestLogText(t *testing.T) {
	for _, s := range []string{``, `a`, `\"\\`, `\u0041\/`, `\n\t\r\b\f`, `\u0000\u001f\u007f`, `é\u00e9\ud83d\ude00`, `\xc3\xa9`, `\\x41`} {
		log := AppendLogText(nil, []byte(s))
		assert.NotRegexp(t, `[\x00-\x1f\x7f]`, string(log))
		back := AppendJSONString(nil, log)
		if s == `\xc3\xa9` {
			assert.Equal(t, s, string(back))
			continue
		}
		var want, got string
		require.NoError(t, json.Unmarshal([]byte(`"`+s+`"`), &want), s)
		require.NoError(t, json.Unmarshal([]byte(`"`+string(back)+`"`), &got), string(back))
		assert.Equal(t, want, got, s)
	}
	assert.Equal(t, `a\"\\\xc3\xa9\x01`, string(AppendLogged(nil, []byte("a\"\\é\x01"))))
}

// TestAppendCLFTime: times of JSON lines take the form of %t.
func TestAppendCLFTime(t *testing.T) {
	loc := time.FixedZone("", 3600)
	for in, want := range map[string]string{
		"2026-11-22T10:00:00Z":          "[22/Nov/2026:10:00:00 +0000]",
		"2026-11-22T10:00:00.125+05:30": "[22/Nov/2026:10:00:00 +0530]",
		"2026-11-22 10:00:00 -0700":     "[22/Nov/2026:10:00:00 -0700]",
		"2026/11/22 10:00:00":           "[22/Nov/2026:10:00:00 +0100]",
		"22/Nov/2026:10:00:00 +0100":    "[22/Nov/2026:10:00:00 +0100]",
		"[22/Nov/2026:10:00:00 +0100]":  "[22/Nov/2026:10:00:00 +0100]",
		"1795338000":                    "[22/Nov/2026:10:00:00 +0100]",
		"1795338000123.5":               "[22/Nov/2026:10:00:00 +0100]",
		"2026-11-22":                    "",
		"2026-11-22T10:00:00 maria":     "",
		"[22/Nov/2026:10:00:00 +0100] ": "",
		"maria":                         "",
		"":                              "",
	} {
		got, ok := AppendCLFTime(nil, []byte(in), loc)
		assert.Equal(t, want != "", ok, in)
		if ok {
			assert.Equal(t, want, string(got), in)
		}
	}
}
