package format

import (
	"bytes"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"
)

// sampleLines returns the lines of the real log in testdata.
func sampleLines(t testing.TB) [][]byte {
	data, err := os.ReadFile("../testdata/elastic/apache-combined-2015.log")
	require.NoError(t, err)
	lines := bytes.Split(bytes.TrimSuffix(data, []byte("\n")), []byte("\n"))
	require.Len(t, lines, 2500)
	return lines
}

func TestSampleLog(t *testing.T) {
	combined, auto := newParser(t, "combined"), newParser(t, "auto")
	for i, line := range sampleLines(t) {
		var a, b Line
		require.True(t, combined.Parse(line, &a), "line %d", i+1)
		require.True(t, auto.Parse(line, &b), "line %d", i+1)
		assert.Equal(t, a, b, "line %d", i+1)

		require.Len(t, a.Fields, 9, "line %d", i+1)
		assert.True(t, a.HasDay, "line %d", i+1)
		assert.NotZero(t, a.Status, "line %d", i+1)
		assert.NotNil(t, a.Target, "line %d", i+1)
	}
}

// Lines of 1 MiB that would take hours in a matcher that backtracks.
func TestHostileLines(t *testing.T) {
	const size = 1 << 20
	for _, format := range []string{
		"auto", "combined", "common", "vhost_combined", "vhost_common", "error",
		`%u%t%U%b%v:%p %h%A`, `%U %m %H %l %L %U`, `"%u""%U""%q"`, `%u %{%d/%b/%Y}t %U %s %f`, `%U 1%b2 %f%{%s}t%{msec_frac}t%f`,
		`%h %l %u %t %r %>s %b`, `%u%t%U%t%f %D %f`, `%{X-Forwarded-For}i %h %l %u`, `%{X-Forwarded-For}i %u %{%d/%b/%Y}t %{Forwarded}i %f`,
	} {
		p := newParser(t, format)
		for _, unit := range []string{
			"1", " ", `"`, `\`, `\"`, `""`, "[", "a ", " 1", ":1 ", "- ", " - ", "1:", "[22/Nov/2026:06:46:00 +0000]", "[22/Nov/2026:06:46:00 +0000] ",
			`[22/Nov/2026:06:46:00 +0000] "`, "22/Nov/2026 ", "22/Nov/", "1.", ", ", "[client ", ": [client ",
		} {
			body := strings.Repeat(unit, size/len(unit))
			for _, line := range []string{
				body,
				`192.0.2.1 - ` + body + ` [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1" 200 5 "-" "-"`,
				`192.0.2.1 - - [22/Nov/2026:06:46:00 +0000] "` + body + `" 200 5 "-" "-"`,
				`[Sun Nov 22 06:46:00 2026] [error] ` + body,
			} {
				var out Line
				start := time.Now()
				p.Parse([]byte(line), &out)
				assert.Less(t, time.Since(start), 5*time.Second, "%s: %q…", format, line[:60])
			}
		}
	}
}

func newParser(t testing.TB, spec string) Parser {
	p, err := New(spec, time.UTC, nil)
	require.NoError(t, err)
	return p
}

// Reference patterns of the named formats. refPeer splits the part before the time.
const (
	refTime   = `(\[\d\d/(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)/\d{4}:(?:[01]\d|2[0-3]):[0-5]\d:(?:[0-5]\d|60) [+-]\d{4}\])`
	refValue  = `((?:[^"\\]|\\.)*)`
	refBefore = `((?:[^"\\]|\\.)*\\?)` // a backslash at its end escapes no quote
	refNumber = `(-?\d{1,20}|-)`
	refCommon = ` ` + refTime + ` "` + refValue + `" ` + refNumber + ` ` + refNumber
	refTail   = ` "` + refValue + `" "` + refValue + `"`
)

var (
	refPlain       = regexp.MustCompile(`(?s)^(.*?)() ([^ ]+) (.*)$`)
	refPort        = regexp.MustCompile(`(?s)^(.*?):` + refNumber + ` (.*)$`)
	refName        = regexp.MustCompile(`(?s)^(.*?) (.*)$`)
	refServer      = regexp.MustCompile(`^[0-9A-Za-z._:\[\]*-]{0,255}$`)
	refUnbracketed = regexp.MustCompile(`:[^ ]*[^] ]$|:$`)
	refAddr        = regexp.MustCompile(`^[0-9A-Fa-f.:\[\]]*$`)

	refPatterns = map[string][2]*regexp.Regexp{}
)

func init() {
	for _, format := range []string{"combined", "common", "vhost_combined", "vhost_common"} {
		refPatterns[format] = [2]*regexp.Regexp{
			refPattern(format, refBefore),
			refPattern(format, `((?:[^"\\]|\\.)* "")`), // an empty user
		}
	}
}

// refPattern returns the pattern of a line whose part before the time matches before.
func refPattern(format, before string) *regexp.Regexp {
	pattern := before + refCommon
	if strings.HasSuffix(format, "combined") {
		pattern += refTail
	}
	return regexp.MustCompile(`(?s)^` + pattern + `$`)
}

// reference finds the values of a named format with regular expressions.
func reference(format, line string) ([]string, bool) {
	line = strings.TrimSuffix(line, "\r")
	if strings.HasPrefix(line, "{") { // a piece of a JSON line
		return nil, false
	}
	for i, pattern := range refPatterns[format] {
		m := pattern.FindStringSubmatch(line)
		if m == nil {
			continue
		}
		if _, err := time.Parse("2/Jan/2006", strings.TrimLeft(m[2][1:12], " ")); err != nil {
			return nil, false
		}
		fields, ok := refPeer(format, m[1])
		if !ok || (i == 1) != (fields[len(fields)-1] == `""`) {
			continue
		}
		return append(fields, m[2:]...), true
	}
	return nil, false
}

func refPeer(format, s string) (fields []string, ok bool) {
	switch format {
	case "vhost_combined":
		m := refPort.FindStringSubmatch(s)
		if m == nil {
			return nil, false
		}
		fields, s = m[1:3], m[3]
	case "vhost_common":
		m := refName.FindStringSubmatch(s)
		if m == nil {
			return nil, false
		}
		fields, s = m[1:2], m[2]
	}
	m := refPlain.FindStringSubmatch(s)
	if m == nil {
		return nil, false
	}
	host, ident, user := m[1], m[3], m[4]
	if !strings.HasPrefix(s[len(host):], " - ") && !refAddress(host) {
		if h, u, ok := strings.Cut(s, " - "); ok {
			host, ident, user = h, "-", u
		}
	}
	if format == "vhost_combined" && refUnbracketed.MatchString(fields[0]) && !(refAddress(host) && refServer.MatchString(fields[0])) {
		return nil, false
	}
	return append(fields, host, ident, user), user != ""
}

func refAddress(s string) bool {
	return refAddr.MatchString(s) && strings.Count(s, ".")+strings.Count(s, ":") >= 2
}

// refWrapper matches each line that may have a log service's prefix.
var refWrapper = regexp.MustCompile(`^(<\d|[A-Z][a-z][a-z] [ \d]\d |\d{4}-\d\d-\d\dT|[^ ]+ +\| )`)

func FuzzNamed(f *testing.F) {
	for _, line := range sampleLines(f)[:50] {
		f.Add(line)
		f.Add(append([]byte("www.example.org:80 "), line...))
	}
	for _, line := range benchLines {
		f.Add([]byte(line))
	}
	for _, s := range []string{
		`192.0.2.1 - "" [22/Nov/2026:06:46:00 +0000] "-" 408 -`,
		`192.0.2.1 - x [01/Jan/2000:00:00:00 +0000] [22/Nov/2026:06:46:00 +0000] "\x16\x03\x01" 400 226 "-" "-"`,
		`evil host - x - y [22/Nov/2026:06:46:60 -0100] "GET /\"a\\" 200 -1 "" "\\"`,
		`[::1]:443 2001:db8::1 ident a b [29/Feb/2024:06:46:00 +0000] "GET / HTTP/1.1" 200 5`,
		`2001:db8::80 - john doe [22/Nov/2026:06:46:00 +0000] "GET / HTTP/1.1" 200 5`,
		`a  - "" [30/Feb/2026:06:46:00 +0000] "" - -` + "\r",
		` 0 \ [01/May/2026:06:46:00 +0000] "" 0 0`,
		`a - - [ 1/May/2026:06:46:00 +0000] "" 0 0`, // mod_log_config.c pads with a zero
		`{a:80 192.0.2.1 - - [01/May/2026:06:46:00 +0000] "" 0 0 "" ""`,
	} {
		f.Add([]byte(s))
	}
	parsers := map[string]Parser{}
	for format := range refPatterns {
		parsers[format] = newParser(f, format)
	}
	f.Fuzz(func(t *testing.T, line []byte) {
		if refWrapper.Match(line) {
			t.Skip("the patterns do not know the wrapper")
		}
		for format, p := range parsers {
			want, ok := reference(format, string(line))
			var out Line
			require.Equal(t, ok, p.Parse(line, &out), format)
			if !ok {
				continue
			}
			var got []string
			for _, f := range out.Fields {
				got = append(got, string(line[f.Start:f.End]))
			}
			require.Equal(t, want, got, format)
		}
	})
}

func TestParseAllocs(t *testing.T) {
	for format, line := range benchLines {
		for _, spec := range []string{format, "auto"} {
			p := newParser(t, spec)
			line := []byte(line)
			var out Line
			require.True(t, p.Parse(line, &out))
			want := len(out.Fields)
			assert.Zero(t, testing.AllocsPerRun(100, func() {
				if !p.Parse(line, &out) || len(out.Fields) != want {
					t.Fatal("no match")
				}
			}), "%s as %s", format, spec)
		}
	}
}
