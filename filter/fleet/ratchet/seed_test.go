package ratchet

import (
	"bytes"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

var aSeed = Seed{Fleet: "meet", States: Chain{{today, [32]byte{1}}, {today + 3, [32]byte{2}}}, Rooms: [32]byte{3}}

const seedText = `hushpipe-fleet 1 meet
state 2026-11-22 0100000000000000000000000000000000000000000000000000000000000000
state 2026-11-25 0200000000000000000000000000000000000000000000000000000000000000
rooms 0300000000000000000000000000000000000000000000000000000000000000
check c290cb47
`

// checked is such a text with the right digits behind check.
func checked(text string) string {
	at := strings.LastIndex(text, "check ")
	return text[:at] + "check " + checkOf([]byte(text[:at])) + "\n"
}

func TestSeed(t *testing.T) {
	require.Equal(t, seedText, string(aSeed.AppendText(nil)))
	got, err := ParseSeed([]byte(seedText))
	require.NoError(t, err)
	assert.Equal(t, aSeed, got)

	zeros := strings.Repeat("0", 64)
	for name, text := range map[string]string{
		"empty":             "",
		"a part":            seedText[:100],
		"without its end":   strings.TrimSuffix(seedText, "\n"),
		"more behind":       seedText + "\n",
		"a digit is wrong":  strings.Replace(seedText, "01000", "01100", 1),
		"a later version":   checked(strings.Replace(seedText, "fleet 1", "fleet 2", 1)),
		"a bad name":        checked(strings.Replace(seedText, "meet", "me et", 1)),
		"no name":           checked(strings.Replace(seedText, "meet", "", 1)),
		"no state":          checked("hushpipe-fleet 1 meet\ncheck "),
		"zeros":             checked("hushpipe-fleet 1 meet\nstate 2026-11-22 " + zeros + "\ncheck "),
		"zeros of rooms":    checked(strings.Replace(seedText, "rooms 03", "rooms 00", 1)),
		"days not in order": checked(strings.Replace(seedText, "11-25", "11-22", 1)),
		"no day":            checked(strings.Replace(seedText, "11-25", "11-31", 1)),
		"capitals":          checked(strings.Replace(seedText, "0100000000", "0A00000000", 1)),
		"an unknown word":   checked(strings.Replace(seedText, "rooms", "words", 1)),
		"an empty line":     checked(strings.Replace(seedText, "rooms", "\nrooms", 1)),
	} {
		_, err := ParseSeed([]byte(text))
		assert.Equal(t, errSeed, err, name)
	}
}

func TestCheckName(t *testing.T) {
	for _, name := range []string{"meet", "Meet-2.example_org", strings.Repeat("a", 64)} {
		assert.NoError(t, CheckName(name))
	}
	for _, name := range []string{"", "a b", "a{b}", "a:b", "ä", strings.Repeat("a", 65)} {
		assert.Error(t, CheckName(name), name)
	}
}

// FuzzParseSeed: what is read is written alike.
func FuzzParseSeed(f *testing.F) {
	f.Add([]byte(seedText))
	f.Add([]byte("hushpipe-fleet 1 a\nstate 9999-12-31 0100000000000000000000000000000000000000000000000000000000000000\ncheck "))
	f.Fuzz(func(t *testing.T, text []byte) {
		if at := bytes.LastIndex(text, []byte("check ")); at >= 0 {
			text = []byte(checked(string(text))) // it would hardly find the digits
		}
		s, err := ParseSeed(text)
		if err != nil {
			assert.Equal(t, errSeed, err, "it tells nothing of the text")
			return
		}
		require.NoError(t, CheckName(s.Fleet))
		require.NotEmpty(t, s.States)
		require.Equal(t, string(text), string(s.AppendText(nil)))
	})
}
