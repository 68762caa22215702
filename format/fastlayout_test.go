package format

import (
	"bytes"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/format/machine"
)

// usualFormats have a fast path for most of their lines.
var usualFormats = map[string]layoutStart{
	"combined":       startHost,
	"common":         startHost,
	"vhost_combined": startPort,
	"vhost_common":   startName,
	// Debian's vhost_combined, in the spelling of the configuration file.
	`%v:%p %h %l %u %t \"%r\" %>s %O \"%{Referer}i\" \"%{User-Agent}i\"`:     startPort,
	`%a %l %u %t "%r" %s %B "%{User-agent}i"`:                                startHost,
	`%{X-Forwarded-For}i %l %u %t "%r" %b %>s "%{Referer}i" "%{X-Real-IP}i"`: startHost,
	`%h %l %u %t "%r" %>s %b "%{User-Agent}i" "%{User-Agent}n"`:              startHost,
	`%h %l %u %t "%r" %>s %b "%{User-Agent}i" "%{User-Agent}i"`:              startHost,
}

func TestUsualFormats(t *testing.T) {
	for format, want := range usualFormats {
		assert.Equal(t, want, newParser(t, format).(*LogFormat).fast.begin, format)
	}
	for _, format := range []string{
		`%h`,
		`%{X-Forwarded-For}i %h %l %u %t "%r" %>s %b`,
		`%h %l %u %t "%r" %>s %b "%v"`,
		`%h %l %u %t "%U" %>s %b "%q"`,
		`%h %l %u %t "%r" %>s %b "%{THE_REQUEST}e"`,
		`%h %u %t "%r" %>s %b`,
		`%h %l %u %400t "%r" %>s %b`,
		`%h %l %u %{end}t "%r" %>s %b`,
		`%h %l %u %{%d/%b/%Y}t "%r" %>s %b`,
		`%h %l %l %t "%r" %>s %b`,
		`%h %l %{x}i %t "%r" %>s %b`,
		`%h %l %u %t "%u" %>s %b`,
		`%h %l %u %t "%r" %>s %b "%u"`,
		`%h %l %u %t "%r" %>s %{sec}t`,
		`%h %l %u %t "%r" %>s %b %D`,
		`%h %l %u %t "%r" %>s %b "%b"`,
		`%h %l %u %t "%r" %>s %b "%{x}i`,
		`%h  %l %u %t "%r" %>s %b`,
		`%u %h %l %u %t "%r" %>s %b`,
		`%v:%p:%h %l %u %t "%r" %>s %b`,
		`x%h %l %u %t "%r" %>s %b`,
		`%%f %%l %%u %%t "%%f" %%b %%b %h`,
	} {
		assert.Equal(t, noFastLayout, newParser(t, format).(*LogFormat).fast.begin, format)
	}
}

// TestUsualLines: ParseFast accepts all lines of the real log, and most of those that were made
// to be unusual.
func TestUsualLines(t *testing.T) {
	for _, tt := range []struct {
		format string
		lines  [][]byte
		least  float64
	}{
		{"combined", sampleLines(t), 1},
		{"combined", httpdLines(t, "combined.log"), 0.75},
		{"common", httpdLines(t, "common.log"), 0.75},
		{"vhost_combined", httpdLines(t, "vhost_combined.log"), 0.75},
	} {
		p := newParser(t, tt.format).(*LogFormat)
		n := 0
		for _, line := range tt.lines {
			if parseFast(p, line, &Line{}) {
				n++
			}
		}
		assert.GreaterOrEqual(t, float64(n)/float64(len(tt.lines)), tt.least, tt.format)
	}
}

// TestIsNumber puts each byte at each position among low and high digits.
func TestIsNumber(t *testing.T) {
	for _, digit := range []byte("09") {
		for n := range 10 {
			line := append([]byte("x\xff\x00 200 "), bytes.Repeat([]byte{digit}, n)...)
			pos := len(line) - n
			assert.Equal(t, n > 0 && n <= 8, isNumber(line, pos), n)
			for at := pos; at < len(line); at++ {
				for c := range 256 {
					line[at] = byte(c)
					if isNumber(line, pos) && (c == '-' || numberEnd(line, pos) != len(line)) {
						require.Fail(t, "no number", "%q", line[pos:])
					}
				}
				line[at] = digit
			}
		}
	}
	assert.False(t, isNumber([]byte("1234567"), 0), "less than a word")
}

// fastParser compares the ParseFast of a parser with its Parse, the reference.
type fastParser struct {
	format string
	FastParser
}

func fastParsers(t testing.TB) (all []fastParser) {
	for format := range usualFormats {
		all = append(all, fastParser{format, newParser(t, format).(FastParser)})
	}
	return append(all, fastParser{"auto", newParser(t, "auto").(FastParser)})
}

func parseFast(p FastParser, line []byte, out *Line) bool {
	var m machine.Delimiters
	next := "\n" + strings.Repeat("x", 64) + "\n" // the vectors' way needs more than the line
	first, _ := m.Cut(append(line[:len(line):len(line)], next...))
	return len(first) == len(line) && p.ParseFast(line, &m, out)
}

// requireEqual parses line both ways.
func (p *fastParser) requireEqual(t *testing.T, line []byte) {
	var got, want Line
	if !parseFast(p, line, &got) {
		return
	}
	if !p.Parse(line, &want) {
		require.Fail(t, "no line of the format", "%s: %q", p.format, line)
	}
	p.requireAllEqual(t, line, &want)
	p.requireSpansEqual(t, line, &want)
	for i := range want.Fields {
		want.Fields[i].Role, want.Fields[i].Directive = RoleOther, 0 // ParseFast does not set them
	}
	client := func(l *Line) Field { return l.Fields[l.Client] }
	treated := slices.DeleteFunc(slices.Clone(want.Fields), func(f Field) bool {
		v := line[f.Start:f.End]
		return f.Kind == Plain || string(v) == "-" && f.Kind < Request || f.Kind == URL && f.Start == 0 && isPlainName(v)
	})
	others := slices.DeleteFunc(slices.Clone(got.Fields), func(f Field) bool {
		return string(line[f.Start:f.End]) == "-" && f.Kind < Request
	})
	target := got.Target
	if got.Request >= 0 {
		require.Nil(t, target)
		f := got.Fields[got.Request]
		target, _ = Target(line[f.Start:f.End], nil)
	}
	if !(slices.Equal(treated, others) && client(&want) == client(&got) && want.Day == got.Day && want.HasDay == got.HasDay &&
		want.Status == got.Status && bytes.Equal(want.Target, target)) {
		require.Equal(t, want, got, "%s: %q", p.format, line)
	}
}

// requireAllEqual parses line with ParseFastAll, which must find what Parse does.
func (p *fastParser) requireAllEqual(t *testing.T, line []byte, want *Line) {
	var m machine.Delimiters
	next := "\n" + strings.Repeat("x", 64) + "\n"
	m.Cut(append(line[:len(line):len(line)], next...))
	got := Line{Fields: slices.Repeat([]Field{{Role: RoleMessage, Bare: true, Joined: true}}, 32), Error: true, Start: 1, Inside: true}
	if all, ok := p.FastParser.(FastAllParser); ok && all.ParseFastAll(line, &m, &got) {
		if !slices.Equal(want.Fields, got.Fields) || want.Client != got.Client || got.Error || got.Start > 0 || got.Inside {
			require.Equal(t, want, &got, "%s: %q", p.format, line)
		}
		return
	}
	begin := namedFormats[p.format]
	if p.format == "auto" || strings.HasPrefix(begin, "%v") || strings.HasPrefix(p.format, "%v") {
		return // the one that ParseFast meant may have a virtual host
	}
	require.Fail(t, "ParseFastAll is not meant for what ParseFast is", "%s: %q", p.format, line)
}

// requireSpansEqual parses line with ParseFastRequest, whose spans must be fields of Parse, and
// all of those that are counted.
func (p *fastParser) requireSpansEqual(t *testing.T, line []byte, want *Line) {
	var m machine.Delimiters
	next := "\n" + strings.Repeat("x", 64) + "\n"
	m.Cut(append(line[:len(line):len(line)], next...))
	var got Line
	g, ok := p.FastParser.(FastRequestParser)
	if !ok || !g.ParseFastRequest(line, &m, &got) {
		return
	}
	s := g.Spans(line, &m)
	of := map[Role]Span{RoleTime: s.Time, RoleRequest: s.Request, RoleSize: s.Size, RoleReferer: s.Referrer, RoleAgent: s.Agent}
	agent := false
	for _, f := range want.Fields {
		require.Equal(t, f.Kind == UserAgent, f.Role == RoleAgent && !agent, "%s: what is known of a user agent is of that field: %q", p.format, line)
		if span, ok := of[f.Role]; ok {
			require.Equal(t, Span{f.Start, f.End}, span, "%s: role %d: %q", p.format, f.Role, line)
			agent = agent || f.Role == RoleAgent
			delete(of, f.Role)
		} else {
			require.False(t, counts(f.Role), "%s: role %d: %q", p.format, f.Role, line)
		}
	}
	require.Equal(t, agent, s.HasAgent)
	for _, span := range of {
		require.Equal(t, Span{}, span, "%s: %q", p.format, line)
	}
	second, ok := SecondOfDay(s.Time.Of(line), nil)
	require.True(t, ok)
	clock, size := ClockAndSize(line, &m)
	require.Equal(t, second, clock)
	require.Equal(t, s.Size, size)
}

// testdataLines returns the lines of all logs in testdata, and some that no server wrote.
func testdataLines(t testing.TB) (lines [][]byte) {
	for _, s := range []string{
		`192.0.2.1 - - ` + stamp + ` "-" 408 12345678901234567890 "-" "-"`,
		`192.0.2.1 - - ` + stamp + ` "-" 408 123456789012345678901 "-" "-"`,
		`192.0.2.1 - - ` + stamp + ` "" 200 -5`,
		`a:12345678901234567890 192.0.2.1 - - ` + stamp + ` "-" 408 - "" ""`,
		`a:123456789012345678901 192.0.2.1 - - ` + stamp + ` "-" 408 - "" ""`,
		`a:-1 192.0.2.1 - - ` + stamp + ` "-" 408 - "\\" "\\\""`,
		`:80  - - ` + stamp + ` "-" 408 - "-" "-"`,
		` - - ` + stamp + ` "-" 408 -`,
		` - ` + stamp + ` "-" 408 -`,
		stamp + ` "-" 408 -`,
		`a b - - - ` + stamp + ` "" ` + stamp + ` "-" 408 -`,
	} {
		lines = append(lines, []byte(s))
	}
	files, err := filepath.Glob("../testdata/*/*.log")
	require.NoError(t, err)
	require.NotEmpty(t, files)
	for _, file := range files {
		data, err := os.ReadFile(file)
		require.NoError(t, err)
		lines = append(lines, bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))...)
	}
	return lines
}

// The bytes that structure a line.
const significant = ` "\-[]:/0a.` + "\r"

// TestParseFastEqualsParse parses each log line, and copies with a few bytes replaced, removed,
// inserted or moved.
func TestParseFastEqualsParse(t *testing.T) {
	parsers := fastParsers(t)
	r := rand.New(rand.NewPCG(1, 2))
	var edited []byte
	for _, line := range testdataLines(t) {
		for i := range parsers {
			parsers[i].requireEqual(t, line)
		}
		for range 8 {
			edited = append(edited[:0], line...)
			for range 1 + r.IntN(3) {
				edited = edit(edited, r)
			}
			for i := range parsers {
				parsers[i].requireEqual(t, edited)
			}
		}
	}
}

func edit(line []byte, r *rand.Rand) []byte {
	at := r.IntN(len(line) + 1)
	if r.IntN(2) == 0 { // what separates fields, more often than what is inside
		at += max(0, bytes.IndexAny(line[at:], ` "[]\`))
	}
	next, to := min(at+1, len(line)), min(at+r.IntN(30), len(line))
	c := significant[r.IntN(len(significant))]
	switch r.IntN(4) {
	case 0:
		return slices.Insert(line, at, c)
	case 1:
		return slices.Delete(line, at, next)
	case 2:
		return slices.Insert(line, at, line[at:to]...)
	}
	return slices.Replace(line, at, next, c)
}

// TestParseFastEqualsParseAtEachByte puts each significant byte at each position.
func TestParseFastEqualsParseAtEachByte(t *testing.T) {
	parsers := fastParsers(t)
	for _, s := range benchLines {
		line := []byte(s)
		for at := range len(line) + 1 {
			for _, c := range []byte(significant) {
				inserted := slices.Insert(slices.Clone(line), at, c)
				replaced := slices.Clone(line[:min(at+1, len(line))])
				replaced[len(replaced)-1] = c
				for i := range parsers {
					parsers[i].requireEqual(t, inserted)
					parsers[i].requireEqual(t, append(replaced, line[len(replaced):]...))
					parsers[i].requireEqual(t, line[:at])
				}
			}
		}
	}
}

// TestParseFastOtherSeconds: the remembered time matches with any valid seconds.
func TestParseFastOtherSeconds(t *testing.T) {
	const before, after = `192.0.2.1 - - [22/Nov/2026:06:46:`, ` +0000] "GET / HTTP/1.1" 200 5`
	known, plain := newParser(t, "common"), newParser(t, "common")
	for _, last := range []string{"00", "59", "60"} {
		var out Line
		require.True(t, known.Parse([]byte(before+last+after), &out))
		for tens := range 256 {
			for ones := range 256 {
				line := []byte(before + string([]byte{byte(tens), byte(ones)}) + after)
				if parseFast(known.(FastParser), line, &out) {
					require.True(t, plain.Parse(line, &out), "%q", line)
				}
			}
		}
	}
}

func FuzzParseFast(f *testing.F) {
	for _, line := range testdataLines(f) {
		f.Add(line)
	}
	for _, line := range benchLines {
		f.Add([]byte(line))
	}
	f.Add([]byte("{" + benchLines["combined"]))
	parsers := fastParsers(f)
	f.Fuzz(func(t *testing.T, line []byte) {
		for i := range parsers {
			parsers[i].requireEqual(t, line)
		}
	})
}
