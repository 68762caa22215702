package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/machine"
)

// shaped returns a parser that has parsed lines.
func shaped(t testing.TB, spec string, lines ...string) FastParser {
	p := newParser(t, spec).(FastParser)
	for _, line := range lines {
		var out Line
		p.Parse([]byte(line), &out)
	}
	return p
}

// summarize returns what was found in a line, and its fields except keys made of letters.
func summarize(line []byte, out *Line) string {
	var fields []string
	client := ""
	for i, f := range out.Fields {
		isKey := line[f.Start-1] == '"' && f.End < len(line) && line[f.End] == '"' && bytes.HasPrefix(bytes.TrimLeft(line[f.End+1:], " \t\r\n"), []byte(":"))
		if !isKey || !isPlainKey(line[f.Start:f.End]) {
			fields = append(fields, fmt.Sprint(f.Start, spell(line, []Field{f})))
		}
		if i == out.Client {
			client = fmt.Sprint(f.Start)
		}
	}
	return fmt.Sprint(fields, client, out.Day, out.HasDay, out.Status, out.Error, out.Request, out.Peer, fmt.Sprintf("%q", out.Target))
}

// requireParseFast compares ParseFast with Parse, and reports whether the line fits a shape.
func requireParseFast(t testing.TB, p FastParser, spec string, line []byte) bool {
	var got, want Line
	if !p.ParseFast(line, &machine.Delimiters{}, &got) {
		return false
	}
	require.True(t, newParser(t, spec).Parse(line, &want), "%s", line)
	require.Equal(t, summarize(line, &want), summarize(line, &got), "%s", line)
	return true
}

// TestJSONShapes: lines of one logger take the fast path, with the same result.
func TestJSONShapes(t *testing.T) {
	for _, spec := range []string{"json", "auto"} {
		for source, line := range jsonLines {
			short := strings.NewReplacer(`\"`, "'", `\`, "/").Replace(line)
			p := shaped(t, spec, short)
			assert.True(t, requireParseFast(t, p, spec, []byte(strings.ReplaceAll(short, "/", "::1"))), source)
			for cut := range len(short) {
				assert.False(t, requireParseFast(t, p, spec, []byte(short[:cut])), source)
			}
			assert.Equal(t, line == short, requireParseFast(t, p, spec, []byte(line)), source)
		}
		p, lines, n := shaped(t, spec), httpdLines(t, "json.log"), 0
		for _, line := range lines {
			if requireParseFast(t, p, spec, line) {
				n++
			} else {
				var out Line
				p.Parse(line, &out)
			}
		}
		assert.Greater(t, n, len(lines)*8/10)
	}
}

// TestJSONShapeFits: lines that fit the shape of another line, and lines that do not.
func TestJSONShapeFits(t *testing.T) {
	const first = `{"ip":"192.0.2.1","n":1,"ok":true,"uri":"/a","1.2.3.4":"b","list":["c",{}]}`
	for _, tt := range []struct {
		line string
		fits bool
	}{
		{first, true},
		{`{"ip":"","n":-2.5e7,"ok":true,"uri":"-","1.2.3.4":"","list":["",{}]}`, true},
		{`{"ip":"::1","n":007,"ok":true,"uri":"/?a=b","1.2.3.4":"5.6.7.8","list":["]}",{}]}`, true},
		{`{"ip":"192.0.2.1","n":1,"ok":false,"uri":"/a","1.2.3.4":"b","list":["c",{}]}`, false},
		{`{"ip":"192.0.2.1","n":1.2.3,"ok":true,"uri":"/a","1.2.3.4":"b","list":["c",{}]}`, false},
		{`{"ip":"192.0.2.1","n":-,"ok":true,"uri":"/a","1.2.3.4":"b","list":["c",{}]}`, false},
		{`{"ip":"192.0.2.1","n":"1","ok":true,"uri":"/a","1.2.3.4":"b","list":["c",{}]}`, false},
		{`{"ip":"192.0.2.1","n":1,"ok":true,"uri":"/\u0061","1.2.3.4":"b","list":["c",{}]}`, false},
		{`{"ip":"192.0.2.1","n":1,"ok":true,"uri":"/a","1.2.3.5":"b","list":["c",{}]}`, false},
		{`{"ip":"192.0.2.1","n":1,"ok":true,"uri":"/a","1.2.3.4":"b","list":["c",{}]} `, false},
		{`{"ip":"192.0.2.1","n":1,"ok":true,"uri":"/a","1.2.3.4":"b","list":["c","d",{}]}`, false},
		{`{"ip":"192.0.2.1""","n":1,"ok":true,"uri":"/a","1.2.3.4":"b","list":["c",{}]}`, false},
	} {
		assert.Equal(t, tt.fits, requireParseFast(t, shaped(t, "json", first), "json", []byte(tt.line)), tt.line)
	}
	// The parser remembers the shapes of several servers, the latest ones.
	var lines []string
	for i := range jsonShapes + 1 {
		lines = append(lines, strings.Replace(first, "ok", strings.Repeat("k", i+1), 1))
	}
	p := shaped(t, "json", lines...)
	for i, line := range slices.Backward(lines) {
		assert.Equal(t, i > 0, requireParseFast(t, p, "json", []byte(line)), line)
	}
	for name, line := range map[string]string{
		"a value under a client's key that is no string": `{"ip":null,"addr":true}`,
		"odd": `{"user":"""","bytes":-}`, "an escape": `{"a":"\u0061"}`, "a key with one": `{"\u0061":"b"}`,
		"no object": `["a"]`, "long": `{"a":"` + strings.Repeat("b", maxShape) + `"}`,
		"dense": `{"a":[` + strings.Repeat("1,", maxShapeTokens) + `1]}`, "many arrays": `{"a":[` + strings.Repeat("[],", maxShapeArrays) + `1]}`,
	} {
		assert.False(t, requireParseFast(t, shaped(t, "json", line), "json", []byte(line)), name)
	}
}

func TestJSONShapeAllocs(t *testing.T) {
	line := []byte(jsonLines["caddy"])
	p := shaped(t, "json", string(line))
	var out Line
	assert.Zero(t, testing.AllocsPerRun(100, func() {
		if !p.ParseFast(line, nil, &out) {
			t.Fatal("it does not fit")
		}
	}))
}

// FuzzJSONShapes compares ParseFast with Parse, after lines of any shape.
func FuzzJSONShapes(f *testing.F) {
	add := func(line string) {
		f.Add([]byte(line), []byte(line), byte(0))
		f.Add([]byte(line), []byte(strings.ReplaceAll(line, "a", "::1")), byte(1))
	}
	for _, line := range jsonLines {
		add(line)
		add(strings.NewReplacer(`\"`, "'", `\`, "/").Replace(line))
	}
	for _, line := range httpdLines(f, "json.log")[:20] {
		add(string(line))
	}
	add(`{"ip":1,"xff":[true,"a",2],"::1":"a"}`)
	add("{\"ip\"\r:\"a\",\"uri\"\n\t: \"b\"}")
	add(`{"log":"[Sun Nov 22 06:46:00 2026] [error] [client ::1] a","stream":"b"}`)
	add(`{"peer":{"name":"a.example","id":7},"headers":{"status":"a"},"uri":"/b","query":"a"}`)
	f.Fuzz(func(t *testing.T, first, line []byte, more byte) {
		spec := []string{"json", "auto"}[more%2]
		p := shaped(t, spec, string(first))
		requireParseFast(t, p, spec, line)
		// The same line with other values, which usually fits.
		requireParseFast(t, p, spec, bytes.ReplaceAll(first, []byte("1"), []byte{'1', '0' + more%10}))
	})
}
