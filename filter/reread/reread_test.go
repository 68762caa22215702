package reread

import (
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/filter/pseudonym"
	"hushpipe/format/civil"
)

func TestRevealed(t *testing.T) {
	for _, test := range []struct {
		text, want string
		n          int
	}{
		{"{2001:db8::1} - - [22/Nov/2026:07:23:55 +0000]", "2001:db8::1 - - [22/Nov/2026:07:23:55 +0000]", 1},
		{"http://[{2001:db8::1}]:8080/?a={192.0.2.1}", "http://[2001:db8::1]:8080/?a=192.0.2.1", 2},
		{"[client {2001:db8::1}:5678] a", "[client 2001:db8::1:5678] a", 1},
		{"[client {192.0.2.1}:5678] a", "[client 192.0.2.1:5678] a", 1},
		{"by {2001:db8::1}. And {2001:db8::2}:", "by 2001:db8::1. And 2001:db8::2:", 2},
		{"%20{2001:db8::1}%2C%3A{192.0.2.1}%2E", "%202001:db8::1%2C%3A192.0.2.1%2E", 2},
		{"Name/{2001:db8::1}", "Name/2001:db8::1", 1},
		{"{name:host}", "{name:host}", 0},
		{"12:34:56 00:1b:44:11:3a:b7 1.2.3 :: 2026-11-22T07:23:55", "12:34:56 00:1b:44:11:3a:b7 1.2.3 :: 2026-11-22T07:23:55", 0},
		{`"Chrome/124.0.0.0"`, `"Chrome/124.0.0.0"`, 0},
		{"a line\n", "a line\n", 0},
		{"{2001:db8::1}\n{192.0.2.1}\nName/1.2.3.4\n", "2001:db8::1\n192.0.2.1\nName/1.2.3.4\n", 2},
		{"?to={ff02::1}&from={2001:db8::1}", "?to={ff02::1}&from=2001:db8::1", 1}, // nobody's
	} {
		for _, mode := range []string{"ipcrypt", "pfx"} {
			c := guardtest.Cipher(t, mode)
			got, n, left := AppendRevealed([]byte("> "), []byte(guardtest.Expand(t, c, test.text)), c, all)
			assert.Equal(t, "> "+guardtest.Expand(t, c, test.want), string(got), mode)
			assert.Equal(t, test.n, n, test.text)
			assert.Equal(t, strings.Contains(test.text, "ff02::"), left > 0, test.text)
		}
	}
	c := guardtest.Cipher(t, "ipcrypt")
	for _, text := range []string{"192.0.2.1", "/v192.0.2.1:80", "::ffff:192.0.2.1"} {
		got, n, left := AppendRevealed(nil, []byte(text), c, all)
		assert.Equal(t, text, string(got), "under ipcrypt no pseudonym is IPv4")
		assert.Zero(t, n+left)
	}
	c = guardtest.Cipher(t, "mask")
	got, n, left := AppendRevealed(nil, []byte("192.0.2.0 2001:db8::"), c, all)
	assert.Equal(t, "192.0.2.0 2001:db8::", string(got))
	assert.Zero(t, n+left)

	c = guardtest.Cipher(t, "ipcrypt")
	one, _ := pseudonym.ParseAddr([]byte(guardtest.Expand(t, c, "{192.0.2.1}")))
	got, n, left = AppendRevealed(nil, []byte(guardtest.Expand(t, c, "{192.0.2.1} {192.0.2.2}")), c,
		func(a pseudonym.Addr) bool { return a == one })
	assert.Equal(t, guardtest.Expand(t, c, "192.0.2.1 {192.0.2.2}"), string(got), "what is not held stays")
	assert.Equal(t, []int{1, 1}, []int{n, left})
}

func all(pseudonym.Addr) bool { return true }

// TestDater: the date is that of the line's own time field, whatever other dates it has.
func TestDater(t *testing.T) {
	d, err := NewDater(time.UTC)
	require.NoError(t, err)
	for line, want := range map[string]string{
		`2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "GET /calendar?from=2026-11-25 HTTP/1.1" 200 5` + "\n":                                   "2026-11-22",
		`2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "-" "[25/Nov/2026:07:23:55 +0000]"`:                               "2026-11-22",
		`{"ip":"2001:db8::1","uri":"/?from=2026-11-25T00:00:00Z","time":"2026-11-22T07:23:55+00:00","status":200}`:                             "2026-11-22",
		"[Sun Nov 22 07:23:55.123456 2026] [core:error] [pid 1:tid 2] [client 1:2:3:4:5:6:7:8:80] AH1: /2026-11-25":                            "2026-11-22",
		`1:2:3:4:5:6:7:8 GET /calendar [22/Nov/2026:07:23:55 +0000]`:                                                                           "2026-11-22",
		`1:2:3:4:5:6:7:8 [22/Nov/2026:07:23:55 +0000] "/2026-11-22" 200`:                                                                       "2026-11-22",
		`1:2:3:4:5:6:7:8 [22/Nov/2026:07:23:55 +0000] "/calendar?from=2026-11-25" 200`:                                                         "",
		`2001:db8::1 - - [22/Nov/2026:07:23:55 +0000] "GET /2001:db8::2 - - [23/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5 "-" "-"` + "x": "",
		"x": "",
		"":  "",
	} {
		day, ok := d.Day([]byte(line))
		wantDay, wantOK := civil.ParseDay(want)
		assert.Equal(t, wantOK, ok, line)
		if ok {
			assert.Equal(t, wantDay, day, line)
		}
	}
}
