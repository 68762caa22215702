// Package guardtest has what tests of texts share: the recorded logs, the expected pseudonyms,
// and a reference of the leak guard by regular expressions and package netip. Only tests import
// it.
package guardtest

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format/civil"
)

// Today is the date of the recorded logs.
var Today = civil.NewDay(2026, 11, 22)

func Key(day civil.Day) *pseudonym.Key {
	return &pseudonym.Key{0: byte(day), 1: byte(day >> 8), 2: 1}
}

// Cipher returns the cipher of Today in a mode.
func Cipher(t testing.TB, mode string) *pseudonym.Cipher {
	m, err := pseudonym.ParseMode(mode)
	require.NoError(t, err)
	return pseudonym.New(Key(Today), m)
}

// Expand replaces the placeholders in a text by pseudonyms: {192.0.2.1} by that of the address,
// {name:host} by that of a host name or of any other bytes.
func Expand(t testing.TB, c *pseudonym.Cipher, text string) string {
	return placeholder.ReplaceAllStringFunc(text, func(s string) string {
		s = s[1 : len(s)-1]
		if name, ok := strings.CutPrefix(s, "name:"); ok {
			return string(c.AppendName(nil, []byte(name)))
		}
		a, ok := pseudonym.ParseAddr([]byte(s))
		require.True(t, ok, "no address: %s", s)
		return string(c.AppendAddr(nil, a))
	})
}

var placeholder = regexp.MustCompile(`\{[^{}"]+\}`)

func Redact(t testing.TB) *treatment.Redact {
	r, err := treatment.NewRedact()
	require.NoError(t, err)
	return r
}

// Logs returns the recorded logs by file name. testdata is the path of filter/testdata.
func Logs(t testing.TB, testdata string) map[string]string {
	logs := map[string]string{}
	for _, pattern := range []string{"httpd/*.log", "elastic/*.log"} {
		names, err := filepath.Glob(filepath.Join(testdata, pattern))
		require.NoError(t, err)
		require.NotEmpty(t, names, pattern)
		for _, name := range names {
			text, err := os.ReadFile(name)
			require.NoError(t, err)
			require.NotEmpty(t, text)
			logs[filepath.Base(name)] = string(text)
		}
	}
	return logs
}
