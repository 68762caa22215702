package metrics

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppend(t *testing.T) {
	list := []Metric{
		{"hushpipe_lines_total", Counter, "Lines that were treated.", Labels("dir", "/var/log/hushpipe"), 12345678901234},
		{"hushpipe_start_time_seconds", Gauge, "When it started.", Labels("dir", "a\\b\"c\n\xff} 1", "version", "v1"), 1795305600.25},
	}
	text := Append(nil, list)
	require.Equal(t, `# HELP hushpipe_lines_total Lines that were treated.
# TYPE hushpipe_lines_total counter
hushpipe_lines_total{dir="/var/log/hushpipe"} 12345678901234
# HELP hushpipe_start_time_seconds When it started.
# TYPE hushpipe_start_time_seconds gauge
hushpipe_start_time_seconds{dir="a\\b\"c\n�} 1",version="v1"} 1795305600.25
`, string(text))

	read, err := Parse(text)
	require.NoError(t, err)
	require.Len(t, read, len(list))
	for _, m := range list {
		assert.Equal(t, m.Labels, read[m.Name].Labels)
		assert.Equal(t, m.Value, read[m.Name].Value)
	}
}

func TestParseNoFileOfOurs(t *testing.T) {
	for _, text := range []string{
		"x", "\n", "node_load1 0.5\n", `node_load1{a="b"} 0.5` + "\n", `hushpipe_x{dir="a"}`, `hushpipe_x{dir="a"} `, `hushpipe_x{dir="a"} x`,
		`hushpipe_x{dir="a"} NaN`, `hushpipe_x{dir="a"} +Inf`, `hushpipe_x{dir="a"} -1`,
		"\x00\x00\x00\x00",
	} {
		_, err := Parse([]byte(text))
		assert.ErrorIs(t, err, errFormat, "%q", text)
	}
	for _, text := range []string{"", "# a comment\n"} {
		read, err := Parse([]byte(text))
		assert.NoError(t, err, "%q", text)
		assert.Empty(t, read)
	}
}

// FuzzParse: what is read and written again is read as the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(`hushpipe_x{dir="a"} 5`))
	f.Add([]byte("# x\nhushpipe_x{dir=\"a\"} 0.5\nhushpipe_y{} NaN\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		read, err := Parse(text)
		if err != nil {
			return
		}
		for name, m := range read {
			again := Append(nil, []Metric{m})
			got, err := Parse(again)
			require.NoError(t, err, "%q", again)
			if !bytes.ContainsAny([]byte(m.Labels), "\n") {
				require.Equal(t, m, got[name], "%q", again)
			}
		}
	})
}
