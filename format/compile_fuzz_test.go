package format

import (
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

// FuzzCompile compiles any format and parses any line with it. For a format that leaves no
// doubt, it also renders a line and expects its values back.
func FuzzCompile(f *testing.F) {
	for _, format := range []string{
		combinedFormat, vhostCombinedFormat, vhostCommonFormat, commonFormat,
		`%{%d/%b/%Y:%T}t.%{msec_frac}t %{%z}t %h "%u" %X`, `%{%c %Z}t|%{end:%F}t|%{usec}t|%A|%U %H`, `{"a":"%h",["%v"]:%D}`,
		`%!200,304{Referer}>i %{x}`, `%{%Q}t%^FB%{Foo}^ti\n`, `%%%u%{Foo}i\t\q`, `%{X-Forwarded-For}i %h %l %u %t %r %v`, `"%u" "%<u", %e`,
	} {
		f.Add(format, []byte(benchLines["combined"]), uint64(1))
	}
	f.Add(combinedFormat, []byte(`192.0.2.1 - - `+stamp+` "GET / HTTP/1.1" 0 - "-" "-"`), uint64(1))
	f.Add(commonFormat, []byte(`192.0.2.1 - - `+stamp+` "GET / HTTP/1.1" 0 -`), uint64(1))
	f.Fuzz(func(t *testing.T, format string, line []byte, seed uint64) {
		p, err := Compile(format, time.UTC)
		if err != nil {
			var e *FormatError
			require.ErrorAs(t, err, &e)
			require.GreaterOrEqual(t, e.Column, 1)
			require.LessOrEqual(t, e.Column, len(format)+1)
			return
		}
		(&fastParser{format, p}).requireEqual(t, line)
		var out Line
		if p.Parse(line, &out) {
			requireInOrder(t, line, &out)
		}
		want, fields, ok := render(p, rand.New(rand.NewPCG(seed, 0)))
		if !ok {
			return
		}
		(&fastParser{format, p}).requireEqual(t, []byte(want))
		require.True(t, p.Parse([]byte(want), &out), "%q", want)
		require.Equal(t, fields, out.Fields, "%q", want)
	})
}

func requireInOrder(t *testing.T, line []byte, out *Line) {
	pos := 0
	for _, f := range out.Fields {
		require.LessOrEqual(t, pos, f.Start)
		require.LessOrEqual(t, f.Start, f.End)
		pos = f.End
	}
	require.LessOrEqual(t, pos, len(line))
	require.Less(t, out.Client, len(out.Fields))
}

// render writes a line as httpd would. It reports false for a format in which a value may
// contain the text that separates it from the next.
func render(p *LogFormat, r *rand.Rand) (string, []Field, bool) {
	var b strings.Builder
	fields := append([]Field(nil), p.fields...)
	afterValue := false
	for _, s := range p.segments {
		for _, e := range append(s.elems[:len(s.elems):len(s.elems)], element{op: opLiteral, lit: s.term}) {
			if e.op == opLiteral {
				if strings.Trim(string(e.lit), ` "|,;[]()/{}`) != "" {
					return "", nil, false
				}
				b.Write(e.lit)
				afterValue = afterValue && len(e.lit) == 0
				continue
			}
			if afterValue {
				return "", nil, false
			}
			afterValue = true
			if e.opens {
				fields[e.field].Start = b.Len()
			}
			b.WriteString(e.random(r))
			if e.closes {
				fields[e.field].End = b.Len()
			}
		}
	}
	return b.String(), fields, true
}

func (e *element) random(r *rand.Rand) string {
	pick := func(s ...string) string { return s[r.IntN(len(s))] }
	switch e.op {
	case opAny, opToken:
		switch {
		case e.own:
			return pick("www.example.org", "*.a.example")
		case e.op == opToken && e.kind == Client: // what anything else is behind a list, is not sure
			return "-"
		case isClient(e.kind):
			return pick("192.0.2.1", "2001:db8::1")
		case e.user && r.IntN(3) == 0:
			return `""`
		}
		v := ""
		for range r.IntN(4) {
			v += pick("x", "y", "-", `\"`, `\\`, `\xfe`, `\n`)
		}
		if e.op == opToken || e.user {
			v += "z"
		}
		return v
	case opNumber:
		return pick("-", "-5", "0", "12345678901234567890")
	case opDigits:
		return strings.Repeat("7", e.max)
	case opName:
		return pick(e.names...)
	case opZone:
		return pick("+0000", "-1130")
	case opZoneName:
		return pick("CET", "+03")
	case opCLF:
		return stamp
	case opConnState:
		return pick("X", "+", "-")
	}
	return pick("203.0.113.1", "::1", "-")
}
