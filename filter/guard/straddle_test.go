package guard

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"hushpipe/filter/guard/guardtest"
	"hushpipe/format"
)

// fieldsOf cuts a text into fields: texts are in <>, and clients in ().
func fieldsOf(marked string) (line []byte, fields []format.Field) {
	for _, c := range []byte(marked) {
		switch c {
		case '<':
			fields = append(fields, format.Field{Kind: format.Text, Start: len(line)})
		case '(':
			fields = append(fields, format.Field{Kind: format.Client, Start: len(line)})
		case '>', ')':
			fields[len(fields)-1].End = len(line)
		default:
			line = append(line, c)
		}
	}
	return line, fields
}

func TestStraddles(t *testing.T) {
	for _, test := range []struct {
		name, text string
		want       bool
	}{
		{"IPv6 over a colon", "<2001:db8:>:<1> <a>", true},
		{"IPv4 over a dot", "<192.0>.<2.1>", true},
		{"fields that touch", "<200203><.0.113.9>", true},
		{"cut in a number", "<x192.0.2><01.1y>", true},
		{"over three fields", "<192>.<0>.<2.1>", true},
		{"over eight fields", "<2001>:<db8>:<1>:<2>:<3>:<4>:<5>:<6>", true},
		{"over an empty field", "<192.0.2><>.<1>", true},
		{"both neighbours cannot do without the middle", "<1.2.3>.<4>.<5.6.7>", true},
		{"behind an address", "<192.0.2.1:192.0>.<2.2>", true},
		{"before an address", "<192.0>.<2.2:192.0.2.1>", true},
		{"behind a field that is one", "<192.0.2.1>:<192.0>.<2.2>", true},
		{"before a field that is one", "<192.0>.<2.2>:<192.0.2.1>", true},
		{"further on", "<a> <192.0.2.1>:<80> <b> <192.0>.<2.1>", true},
		{"behind a client", "(a)<192.0>.<2.1>", true},
		{"in a literal that goes on", "<192>.0.2.<1>", true},

		{"one side holds it", "<192.0.2.1>:<443>", false},
		{"one side holds it, IPv6", "<2001:db8::5>:<443>", false},
		{"the other side holds it", "<80>:<192.0.2.1>", false},
		{"both sides hold one", "<192.0.2.1>:<192.0.2.2>", false},
		{"with a client", "(2001:db8:)<:1>", false},
		{"with a client behind", "<2001:db8:>:(1)", false},
		{"one field's address but for a colon of the format", "<?>:<:ffff:bdb:e405=>", true},
		{"one field and literals", "<e.org>::<80>", false},
		{"host and port", "<meet.example.org>:<443>", false},
		{"cut by a blank", "<192.0> <2.1>", false},
		{"cut by quotes", `"<192.0.>" "<2.1>"`, false},
		{"cut in the field", "<2001:db8:x>:<:1>", false},
		{"with escapes", "<%32001%3Adb8:%3A>:<1>", true},
		{"with escapes, in the other field", "<a>.<2%355.%392.%396.242>", true},
		{"with escapes, over a dot of the text", "<&2%355>.<%392%2E%396%2E24%32>", true},
		{"with escapes, over a colon of the text", "<q%32%3001%3A0D%428>:<%3000%30%3A6%39B4%3A00%301:0%30%30A%3A%3000%30%3A%43%33%44F;>", true},
		{"escapes elsewhere", "<www.example.org>:<443%20>", false},

		{"clock", "<07>:<23>:<55>", false},
		{"date", "<22>.<11>.<2026>", false},
		{"no fields", "", false},
		{"empty fields", "<><><>", false},
	} {
		line, fields := fieldsOf(test.text)
		assert.Equal(t, test.want, Straddles(line, fields), "%s: %s", test.name, test.text)
	}
}

func TestStraddlesWrongFormat(t *testing.T) {
	const rest = ` [22/Nov/2026:07:23:55 +0000] "GET / HTTP/1.1" 200 5`
	for _, test := range []struct {
		format, line string
		want         bool
	}{
		{`%V:%p %h %l %u %t "%r" %>s %b`, "2001:db8::1 - a b" + rest, true},
		{`%V:%p %h %l %u %t "%r" %>s %b`, "2001:db8::5:443 192.0.2.1 - -" + rest, false},
		{`%v:%p %h %l %u %t "%r" %>s %b`, "10.0.0.1:443 192.0.2.1 - -" + rest, false},
		{`%a:%{remote}p`, "192.0.2.1:50000", false},
		{`%{X-A}i.%{X-B}i`, "192.0.2.1", true},
		{`%s%{Referer}i`, "200203.0.113.9", true},
	} {
		p, err := format.New(test.format, time.UTC, nil)
		require.NoError(t, err)
		var l format.Line
		require.True(t, p.Parse([]byte(test.line), &l), test.line)
		line, got := []byte(test.line), false
		assert.Zero(t, testing.AllocsPerRun(10, func() { got = Straddles(line, l.Fields) }))
		assert.Equal(t, test.want, got, test.line)
	}
}

// TestStraddlesNowhere: the logs in testdata were written in the right format, so no address in
// them straddles.
func TestStraddlesNowhere(t *testing.T) {
	for name, log := range guardtest.Logs(t, "../../testdata") {
		p, err := format.New("auto", time.UTC, nil)
		require.NoError(t, err)
		var l format.Line
		for line := range strings.Lines(log) {
			if line = strings.TrimSuffix(line, "\n"); p.Parse([]byte(line), &l) {
				require.False(t, Straddles([]byte(line), l.Fields), "%s: %s", name, line)
			}
		}
	}
}

// FuzzStraddles compares Straddles with refStraddles, which tries each field border.
func FuzzStraddles(f *testing.F) {
	for _, text := range []string{"<2001:db8:>:<1>", "<1.2.3>.<4>.<5.6.7>", "<192.0.2.1:192.0>.<2.2>", "(1.2)<.3.4>", "<><1.2><.3.><4>", "<1>:<2>.<3.4.5>::<6>"} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		if len(text) > 200 {
			return
		}
		fields, inside := "", false
		for _, c := range []byte(text) { // drop brackets that are not well nested
			open, closing := c == '<' || c == '(', c == '>' || c == ')'
			if open && inside || closing && !inside || c >= 0x80 {
				continue
			}
			inside = inside != (open || closing)
			fields += string(rune(c))
		}
		if inside {
			return
		}
		line, spans := fieldsOf(fields)
		if bytes.ContainsAny(line, `%\`) { // the reference knows no escapes
			Straddles(line, spans)
			return
		}
		assert.Equal(t, refStraddles(line, spans), Straddles(line, spans), "%s", fields)
	})
}

// refStraddles is Straddles byte by byte. It cuts the line at clients, at addresses within one
// field, and at text between fields that is not part of a run. No piece with bytes of two
// fields, or with two separators of one, may hold an address.
func refStraddles(line []byte, fields []format.Field) bool {
	if len(fields) == 0 {
		return false
	}
	owner, cut := make([]int, len(line)), make([]bool, len(line)+1)
	for i := range owner {
		owner[i] = -1
	}
	for n, f := range fields {
		if n > 0 && len(bytes.Trim(line[fields[n-1].End:f.Start], "0123456789abcdefABCDEF.:")) > 0 {
			cut[fields[n-1].End], cut[f.Start] = true, true
		}
		for i := f.Start; i < f.End; i++ {
			owner[i] = n
		}
		if isClient(f.Kind) {
			cut[f.Start], cut[f.End] = true, true
			if n > 0 {
				cut[fields[n-1].End] = true
			}
			if n+1 < len(fields) {
				cut[fields[n+1].Start] = true
			}
			continue
		}
		text := line[f.Start:f.End]
		for _, span := range guardtest.Run.FindAllIndex(text, -1) {
			for run := span[0]; run < span[1]; {
				a := findAddr(text[run:span[1]])
				if a.end == 0 {
					break
				}
				cut[f.Start+run+a.start], cut[f.Start+run+a.end] = true, true
				run += a.end
			}
		}
	}
	first, last := fields[0].Start, fields[len(fields)-1].End
	for _, span := range guardtest.Run.FindAllIndex(line[first:last], -1) {
		from := first + span[0]
		for i := from + 1; i <= first+span[1]; i++ {
			if i < first+span[1] && !cut[i] {
				continue
			}
			owners, seps, literal := map[int]bool{}, 0, false
			for k, n := range owner[from:i] {
				if n >= 0 {
					owners[n] = true
					seps += strings.Count(".:", string(line[from+k:from+k+1]))
				}
				literal = literal || n < 0
			}
			if (len(owners) >= 2 || literal && seps >= 2) && findAddr(line[from:i]).end > 0 {
				return true
			}
			from = i
		}
	}
	return false
}
