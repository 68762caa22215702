package filter

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
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
	} {
		for _, mode := range []string{"ipcrypt", "pfx"} {
			c := testCipher(t, mode)
			got, n := AppendRevealed([]byte("> "), []byte(expand(t, c, test.text)), c)
			assert.Equal(t, "> "+expand(t, c, test.want), string(got), mode)
			assert.Equal(t, test.n, n, test.text)
		}
	}
	c := testCipher(t, "ipcrypt")
	for _, text := range []string{"192.0.2.1", "/v192.0.2.1:80", "::ffff:192.0.2.1"} {
		got, n := AppendRevealed(nil, []byte(text), c)
		assert.Equal(t, text, string(got), "under ipcrypt no pseudonym is IPv4")
		assert.Zero(t, n)
	}
	c = testCipher(t, "mask")
	got, n := AppendRevealed(nil, []byte("192.0.2.0 2001:db8::"), c)
	assert.Equal(t, "192.0.2.0 2001:db8::", string(got))
	assert.Zero(t, n)
}

// TestRevealedLogs turns the recorded logs back. What comes out is the log
// under --ip keep: the secrets stay away, and addresses are spelled in the
// canonical way. What had become a hash stays one.
func TestRevealedLogs(t *testing.T) {
	for name, log := range testLogs(t) {
		for _, mode := range []string{"ipcrypt", "pfx"} {
			t.Run(name+"/"+mode, func(t *testing.T) {
				cfg := newConfig(t, formatOf(name))
				cfg.Mode, _ = pseudonym.ParseMode(mode)
				out, _ := treated(t, cfg, everyDay(), log)
				cfg.Mode, _ = pseudonym.ParseMode("keep")
				kept, _ := treated(t, cfg, everyDay(), log)

				c := testCipher(t, mode)
				want := strings.SplitAfter(kept, "\n")
				hashes := 0
				for i, line := range strings.SplitAfter(out, "\n") {
					if strings.Contains(line, "100::") { // 3.2.0.12012 in an agent
						hashes++
						continue
					}
					if strings.Contains(line, ".c.1.101") { // digits stand beside the pseudonym
						continue
					}
					got, _ := AppendRevealed(nil, []byte(line), c)
					require.Equal(t, want[i], string(got), "line %d", i+1)
				}
				assert.LessOrEqual(t, hashes, 10)
			})
		}
	}
}
