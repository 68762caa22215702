package format

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// newMarks returns the marks of a line.
func newMarks(line []byte) *Marks {
	var m Marks
	m.mark(line)
	return &m
}

func (m *Marks) found() []int32 { return m.quotes[:min(m.n, maxQuotes)] }

func TestMarks(t *testing.T) {
	for _, tt := range []struct {
		line   string
		blank  int
		n      int
		quotes []int32
	}{
		{``, -1, 0, nil},
		{`"`, -1, 1, []int32{0}},
		{`192.0.2.1 - - "GET /" "-"`, 9, 4, []int32{14, 20, 22, 24}},
		{strings.Repeat("x", 63) + " ", 63, 0, nil},
		{strings.Repeat("x", 64) + " ", -1, 0, nil},
		{strings.Repeat(`"`, maxQuotes), -1, maxQuotes, []int32{0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}},
	} {
		for _, rest := range []string{"", "\"\n", strings.Repeat("\"\n", 80)} {
			var m Marks
			line, after := m.Cut([]byte(tt.line + "\n" + rest))
			assert.Equal(t, tt.line, string(line))
			assert.Equal(t, rest, string(after))
			assert.Equal(t, tt.blank, m.blank, tt.line)
			assert.Equal(t, tt.n, m.n, tt.line)
			assert.Truef(t, slices.Equal(tt.quotes, m.found()), "%s: %v", tt.line, m.found())
		}
	}
	var m Marks
	m.Cut([]byte(strings.Repeat(`"`, maxQuotes+1) + "\n" + strings.Repeat("x", 99)))
	assert.Equal(t, maxQuotes+1, m.n)
}

// FuzzMarks holds the fast way equal to the plain one.
func FuzzMarks(f *testing.F) {
	for _, line := range append(sampleLines(f)[:50], httpdLines(f, "combined.log")...) {
		f.Add(append(append(slices.Clone(line), '\n'), bytes.Repeat(line, 2)...))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		data = append(data, '\n')
		var got, want Marks
		end := got.find(data)
		if end < 0 {
			return
		}
		require.Equal(t, want.findPlain(data), end)
		require.Equal(t, want.blank, got.blank)
		require.Equal(t, want.n, got.n)
		require.Equal(t, want.found(), got.found())
	})
}
