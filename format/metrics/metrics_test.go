package metrics

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

func TestAppend(t *testing.T) {
	list := []Metric{
		{Name: "hushpipe_lines_total", Type: Counter, Help: "Lines that were treated.", Labels: Labels("dir", "/var/log/hushpipe"), Value: 12345678901234},
		{Name: "hushpipe_start_time_seconds", Type: Gauge, Help: "When it started.", Labels: Labels("dir", "a\\b\"c\n\xff} 1", "version", "v1"), Value: 1795305600.25},
		{Name: "hushpipe_hits_total", Type: Counter, Help: "Hits.", Labels: Labels("dir", `/a",class="b`), Class: "person", Value: 5},
		{Name: "hushpipe_hits_total", Type: Counter, Help: "Hits.", Labels: Labels("dir", `/a",class="b`), Class: "ai-user", Value: 6},
	}
	text := Append(nil, list)
	require.Equal(t, `# HELP hushpipe_lines_total Lines that were treated.
# TYPE hushpipe_lines_total counter
hushpipe_lines_total{dir="/var/log/hushpipe"} 12345678901234
# HELP hushpipe_start_time_seconds When it started.
# TYPE hushpipe_start_time_seconds gauge
hushpipe_start_time_seconds{dir="a\\b\"c\n�} 1",version="v1"} 1795305600.25
# HELP hushpipe_hits_total Hits.
# TYPE hushpipe_hits_total counter
hushpipe_hits_total{dir="/a\",class=\"b",class="person"} 5
hushpipe_hits_total{dir="/a\",class=\"b",class="ai-user"} 6
`, string(text))

	read, err := Parse(text)
	require.NoError(t, err)
	require.Len(t, read, len(list))
	for _, m := range list {
		assert.Equal(t, Metric{Name: m.Name, Labels: m.Labels, Class: m.Class, Value: m.Value}, read[m.Key()])
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

// FuzzParse: metrics that were parsed and appended parse to the same.
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
