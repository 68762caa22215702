package trafficfile_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/civil"
	"hushpipe/format/trafficfile"
)

const file = `hushpipe-traffic 1
day 2026-11-22
options visitor=address64+agent timeout=30m min-group=5 own=
browser 10 20 3000 4 Samsung Internet
comet 7 8 Halley
page 3 300 2 1 /a
page 5 500 4 5 other
status 9 900 404
total 8 20 3000 6 4 people
`

func TestRoundTrip(t *testing.T) {
	d, err := trafficfile.Parse([]byte(file))
	require.NoError(t, err)
	assert.Equal(t, civil.NewDay(2026, 11, 22), d.Day)
	assert.Equal(t, "visitor=address64+agent timeout=30m min-group=5 own=", d.Options)
	assert.Equal(t, file, string(trafficfile.Append(nil, d)), "kinds of a later version go through")
}

func TestAdd(t *testing.T) {
	d, err := trafficfile.Parse([]byte(file))
	require.NoError(t, err)
	sum := trafficfile.Add(d.Cells, d.Cells)
	assert.Contains(t, sum, trafficfile.Cell{Kind: "page", Numbers: []uint64{6, 600, 4, 2}, Key: "/a"})
	assert.Contains(t, sum, trafficfile.Cell{Kind: "comet", Numbers: []uint64{14, 16}, Key: "Halley"})
	assert.Equal(t, []uint64{3, 300, 2, 1}, d.Cells[2].Numbers, "what was added stays as it is")
}

func TestFlaws(t *testing.T) {
	for text, want := range map[string]string{
		"": trafficfile.ErrVersion.Error(),
		"hushpipe-traffic 2\nday 2026-11-22\noptions \n": trafficfile.ErrVersion.Error(),
		"hushpipe-traffic 1\nday 2026-11-22\n":           trafficfile.ErrVersion.Error(),
		file + "page x\n":                                "line 10: no cell of traffic figures",
		file + "page 1 2\n":                              "line 10: no cell of traffic figures",
		file + "total 1 2 3 4 5\n":                       "line 10: no cell of traffic figures",
		file + "\n":                                      "line 10: no cell of traffic figures",
		strings.Replace(file, "options ", "options \x1b[2J", 1) + "": "line 3: no cell of traffic figures",
		file + "com\x1bet 7 Halley\n":                                "line 10: no cell of traffic figures",
		"hushpipe-traffic 1\nday 2026-13-22\noptions \n":             trafficfile.ErrVersion.Error(),
	} {
		d, err := trafficfile.Parse([]byte(text))
		assert.EqualError(t, err, want, text)
		if len(text) > len(file) {
			assert.Len(t, d.Cells, 6, "the others are there")
		}
	}
}

// FuzzParse: a file that was parsed and appended parses to the same.
func FuzzParse(f *testing.F) {
	f.Add([]byte(file))
	f.Add([]byte("hushpipe-traffic 1\nday 2026-11-22\noptions \npage 1 1 1 1 /\npage 1 1 1 1 /\n"))
	f.Fuzz(func(t *testing.T, text []byte) {
		d, err := trafficfile.Parse(text)
		if err != nil {
			return
		}
		again, err := trafficfile.Parse(trafficfile.Append(nil, d))
		require.NoError(t, err)
		require.Equal(t, d, again)
	})
}
