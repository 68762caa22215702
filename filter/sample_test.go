package filter

import (
	"testing"

	"github.com/stretchr/testify/assert"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/format"
)

// A Sample has the treated line, as a whole and field by field.
func TestSample(t *testing.T) {
	c := testCipher(t, "ipcrypt")
	for _, s := range steady {
		got := New(newConfig(t, s.format), newCalendar()).Sample([]byte(s.line))
		want := guardtest.Expand(t, c.Cipher, s.want)
		assert.Equal(t, want, string(got.Line), s.name)
		assert.Equal(t, s.name != "malformed", got.Known, s.name)
		assert.Equal(t, got.Known, len(got.Fields) > 0, s.name)
		for i, field := range got.Fields {
			assert.NotEmpty(t, field.Name, s.name)
			assert.Contains(t, s.line, field.Was, s.name)
			assert.Contains(t, want, field.Is, s.name)
			if i == got.Client {
				assert.NotEqual(t, field.Was, field.Is, s.name)
			}
		}
	}
	for _, p := range proxied {
		got := New(proxyConfig(t, p.format, format.Options{}), newCalendar()).Sample([]byte(p.line))
		if assert.Equal(t, p.client != "", got.Client >= 0, p.name); p.client != "" {
			assert.Contains(t, got.Fields[got.Client].Was, p.client, p.name)
			assert.True(t, got.Counts, p.name)
		}
	}
	for _, line := range []string{"", "\r", "\ufeff", "\x00", "-", "{", "{}", `{"a":"b"}`, `{"log":"a"}`} {
		got := New(newConfig(t, "auto"), newCalendar()).Sample([]byte(line))
		assert.Equal(t, -1, got.Client, line)
		assert.False(t, got.Counts)
	}
}
