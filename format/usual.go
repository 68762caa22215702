package format

import (
	"bytes"
	"strings"
)

// usual tells the formats of the shape of the named ones,
//
//	[%v[:%p] ]%h %l %u %t "%r" %>s %b[ "%{Referer}i" "%{User-Agent}i" …]
//
// Their usual lines are matched in one pass that knows what comes next, without
// asking element by element.
type usual uint8

const (
	unusual   usual = iota
	usualHost       // begins with %h
	usualName       // with %v %h
	usualPort       // with %v:%p %h
)

// usualOf recognises a format by its elements, whatever their names: %O is
// matched like %b, and one header like another.
func usualOf(elems []element) usual {
	begin, headers, ok := strings.Cut(outline(elems), `%f %l %u %t "%f" %b %b`)
	if !ok || strings.ReplaceAll(headers, ` "%f"`, "") != "" {
		return unusual
	}
	switch begin {
	case "":
		return usualHost
	case "%f ":
		return usualName
	case "%f:%b ":
		return usualPort
	}
	return unusual
}

// outline writes elements as a LogFormat string, with one directive for all
// those that are matched alike: %f for anything, %b for a number.
func outline(elems []element) string {
	var b strings.Builder
	for _, e := range elems {
		switch {
		case e.op == opLiteral:
			b.WriteString(strings.ReplaceAll(string(e.lit), "%", "%%"))
		case e.op == opLoose && e.user:
			b.WriteString("%u")
		case e.op == opLoose:
			b.WriteString("%f")
		case e.op == opToken && e.kind == Client:
			b.WriteString("%l")
		case e.op == opNumber && e.opens && e.closes && e.part == partNone:
			b.WriteString("%b")
		case e.op == opCLF && !e.dash && e.end == 0:
			b.WriteString("%t")
		default:
			b.WriteString("%?")
		}
	}
	return b.String()
}

// usualFields counts those of %h %l %u %t "%r" %>s %b.
const usualFields = 7

// matchUsual sets the spans of a usual line, or reports false for a line that
// the segments have to decide on: one with a space in the client's name, an
// identity, an escaped quote, an empty user, or of another format. What it does
// match, it matches as they do, byte for byte.
func (p *LogFormat) matchUsual(line []byte, f []Field) bool {
	// No user name holds a quote that is not escaped, so that the time before
	// the first quote is the server's, whatever a client wrote before it.
	quote := bytes.IndexByte(line, '"')
	stamp := quote - len("[22/Nov/2026:06:46:00 +0000] ")
	if stamp < 1 || line[stamp-1] != ' ' || line[quote-1] != ' ' || !isBracketedCLF(line[stamp:quote-1], &p.clf) {
		return false
	}

	words, pos := line[:stamp-1], 0 // all that stands before the time
	switch p.usual {
	case usualPort:
		n := bytes.IndexByte(words, ':')
		end := numberEnd(words, n+1)
		if n < 0 || end < 0 || end == len(words) || words[end] != ' ' {
			return false
		}
		f[0].Start, f[0].End = 0, n
		f[1].Start, f[1].End = n+1, end
		f, pos = f[2:], end+1
	case usualName:
		n := bytes.IndexByte(words, ' ')
		if n < 0 {
			return false
		}
		f[0].Start, f[0].End = 0, n
		f, pos = f[1:], n+1
	}
	host := pos
	n := bytes.IndexByte(words[host:], ' ')
	hostEnd := host + n
	user := hostEnd + len(identless)
	if n < 0 || user >= len(words) || string(words[hostEnd:user]) != identless {
		return false
	}

	request := quote + 1
	requestEnd := valueEnd(line, request)
	status := requestEnd + len(`" `)
	if requestEnd < 0 || status > len(line) || line[status-1] != ' ' {
		return false
	}
	statusEnd := numberEnd(line, status)
	if statusEnd < 0 || statusEnd == len(line) || line[statusEnd] != ' ' {
		return false
	}
	size := statusEnd + 1
	sizeEnd := numberEnd(line, size)
	if sizeEnd < 0 {
		return false
	}
	end := sizeEnd
	headers := f[usualFields:]
	for i := range headers {
		value := end + len(` "`)
		if value > len(line) || line[value-2] != ' ' || line[value-1] != '"' {
			return false
		}
		if end = valueEnd(line, value); end < 0 {
			return false
		}
		headers[i].Start, headers[i].End = value, end
		end++
	}
	if end != len(line) {
		return false
	}

	f = f[:usualFields]
	f[0].Start, f[0].End = host, hostEnd
	f[1].Start, f[1].End = hostEnd+1, user-1
	f[2].Start, f[2].End = user, len(words)
	f[3].Start, f[3].End = stamp, quote-1
	f[4].Start, f[4].End = request, requestEnd
	f[5].Start, f[5].End = status, statusEnd
	f[6].Start, f[6].End = size, sizeEnd
	p.date[0].part[partDay], p.date[0].ok = int64(p.clf.day), true
	return true
}

// numberEnd returns where the number, or the '-' for none, at line[pos:] ends,
// -1 where there is none.
func numberEnd(line []byte, pos int) int {
	end := pos
	for end < len(line) && line[end]-'0' <= 9 {
		end++
	}
	if end == pos && end < len(line) && line[end] == '-' {
		end++
	}
	if end == pos || end-pos > maxDigits {
		return -1
	}
	return end
}

// valueEnd returns where the value at line[pos:] ends, the position of a quote,
// or -1 where there is none or where only nextQuote can tell it from an escaped one.
func valueEnd(line []byte, pos int) int {
	n := bytes.IndexByte(line[pos:], '"')
	if n < 0 || n > 0 && line[pos+n-1] == '\\' {
		return -1
	}
	return pos + n
}
