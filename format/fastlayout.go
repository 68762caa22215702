package format

import (
	"bytes"
	"encoding/binary"
	"slices"
	"strings"

	"hushpipe/format/machine"
)

// fastLayout describes formats shaped like the named ones, whose lines ParseFast reads:
//
//	[%v[:%p] ]%h %l %u %t "%r" %>s %b[ "%{Referer}i" "%{User-Agent}i" …]
type fastLayout struct {
	begin   layoutStart
	fields  []Field    // from the client's on
	client  int        // index in fields of the client that is counted
	status  int        // which of the two numbers is the final status, -1 for neither
	request bool       // the target comes from the request line
	quotes  int        // number of quotes in a line
	headers []Kind     // of the quoted values behind the numbers
	spans   spanLayout // of the values that traffic figures count
}

// layoutStart is what comes first in a line.
type layoutStart uint8

const (
	noFastLayout layoutStart = iota
	startHost                // %h
	startName                // %v %h
	startPort                // %v:%p %h
)

// findFastLayout recognizes a fast layout by its elements, not by the names of directives: %O is
// matched like %b, and one header like another.
func (p *LogFormat) findFastLayout(elems []element) {
	begin, headers, ok := strings.Cut(outline(elems), `%f %l %u %t "%f" %b %b`)
	if !ok || strings.ReplaceAll(headers, ` "%f"`, "") != "" {
		return
	}
	var own []int
	var u fastLayout
	host := 0
	switch begin {
	case "":
		u.begin = startHost
	case "%f ":
		u.begin, own, host = startName, []int{0}, 1
	case "%f:%b ":
		u.begin, own, host = startPort, []int{0}, 2
	}
	u.fields = p.fields[host:]
	u.client, u.status, u.request = p.client-host, max(p.status-host-layoutNumbers, -1), p.target-host == layoutRequest
	if slices.Equal(p.own, own) && (u.client == 0 || u.client >= layoutHeaders) && (u.request || p.target < 0) && p.query < 0 {
		for _, f := range u.fields[layoutHeaders:] {
			if f.Kind == Request {
				return // its target is not the line's
			}
			u.headers = append(u.headers, f.Kind)
		}
		u.quotes = 2 * (1 + len(u.headers))
		u.spans = findSpans(u.fields, u.request && u.status == 0)
		p.fast = u
	}
}

// outline renders elements as a LogFormat string, with one directive for all that are matched
// alike: %f for any bytes, %b for a number.
func outline(elems []element) string {
	var b strings.Builder
	for _, e := range elems {
		switch {
		case e.op == opLiteral:
			b.WriteString(strings.ReplaceAll(string(e.lit), "%", "%%"))
		case e.op == opAny && e.user:
			b.WriteString("%u")
		case e.op == opAny:
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

// Indexes of fields, counted from the client's.
const (
	layoutUser    = 2
	layoutRequest = 4
	layoutNumbers = 5 // the first of two
	layoutHeaders = 7
)

// ParseFast implements FastParser, for lines without an identity, an escaped quote or an empty
// user.
func (p *LogFormat) ParseFast(line []byte, m *machine.Delimiters, out *Line) bool {
	u := &p.fast
	if u.begin == noFastLayout || m.N != u.quotes || line[0] == '{' { // a piece of a JSON line
		return false
	}
	quotes := &m.Quotes
	quote := int(quotes[0])
	host, hostEnd := 0, quote-headLen
	user, userEnd := hostEnd+len(identless), hostEnd+len(" - -")
	if hostEnd <= 0 || hostEnd != m.Blank || u.begin != startHost || !p.clf.isKnownHead((*[headLen]byte)(line[hostEnd:])) {
		if host, hostEnd, userEnd = p.findHost(line, quote); hostEnd < 0 {
			return false
		}
		user = hostEnd + len(identless)
	}
	// `"GET / HTTP/1.1" 200 12`, then the end of the line or a header
	requestEnd, end := int(quotes[1]), len(line)
	if len(u.headers) > 0 {
		end = int(quotes[2]) - 1
	}
	number := requestEnd + len(`" `)
	if number >= end || line[requestEnd-1] == '\\' || line[number-1] != ' ' {
		return false
	}
	middle := number + len("200")
	if middle+1 >= end || line[middle] != ' ' || !isNumber(line[:middle], number) || !isNumber(line[:end], middle+1) {
		middle = numberEnd(line, number)
		if middle < 0 || middle >= end || line[middle] != ' ' || numberEnd(line, middle+1) != end {
			return false
		}
	}
	switch u.status {
	case 0:
		out.Status = statusOf(line[number:middle])
	case 1:
		out.Status = statusOf(line[middle+1 : end])
	default:
		out.Status = 0
	}

	if cap(out.Fields) < len(u.fields) {
		out.Fields = make([]Field, len(u.fields))
	}
	fields, n := out.Fields[:len(u.fields)], 1
	fields[0].set(u.fields[0].Kind, host, hostEnd)
	if userEnd != user+1 || line[user] != '-' {
		fields[n].set(u.fields[layoutUser].Kind, user, userEnd)
		n++
	}
	out.Request = -1
	if u.request {
		out.Request = n
	}
	fields[n].set(u.fields[layoutRequest].Kind, quote+1, requestEnd)
	n++
	out.Client = 0
	for i, kind := range u.headers {
		value := int(quotes[2+2*i]) + 1
		if end+len(` "`) != value || line[end] != ' ' {
			return false
		}
		if end = int(quotes[3+2*i]); line[end-1] == '\\' {
			return false
		}
		if i+layoutHeaders == u.client {
			out.Client = n
		}
		fields[n].set(kind, value, end)
		n++
		end++
	}
	out.Fields = fields[:n]
	out.Day, out.HasDay, out.Target = p.clf.day, true, nil
	return end == len(line)
}

// ParseFastAll implements FastAllParser, for formats that begin with the client.
func (p *LogFormat) ParseFastAll(line []byte, m *machine.Delimiters, out *Line) bool {
	u := &p.fast
	if u.begin != startHost || !p.ParseFast(line, m, out) {
		return false
	}
	found, fields := out.Fields, out.Fields[:len(u.fields)]
	more := len(found) - len(u.headers) // number of fields before the headers
	if out.Client > 0 {
		out.Client += layoutHeaders - more
	}
	for i := len(u.headers) - 1; i >= 0; i-- {
		f := found[more+i]
		fields[layoutHeaders+i] = u.fields[layoutHeaders+i]
		fields[layoutHeaders+i].Start, fields[layoutHeaders+i].End = f.Start, f.End
	}
	host, hostEnd := found[0].Start, found[0].End
	quote, requestEnd, end := int(m.Quotes[0]), int(m.Quotes[1]), len(line)
	if len(u.headers) > 0 {
		end = int(m.Quotes[2]) - 1
	}
	stamp := quote - len(" ") - bracketedCLF
	number := requestEnd + len(`" `)
	middle := number + bytes.IndexByte(line[number:], ' ')
	for i, span := range [layoutHeaders][2]int{
		{host, hostEnd}, {hostEnd + len(" "), hostEnd + len(" -")}, {hostEnd + len(identless), stamp - len(" ")},
		{stamp, quote - len(" ")}, {quote + 1, requestEnd}, {number, middle}, {middle + 1, end},
	} {
		fields[i] = u.fields[i]
		fields[i].Start, fields[i].End = span[0], span[1]
	}
	if out.Request >= 0 {
		out.Request = layoutRequest
	}
	out.Fields, out.Error, out.Start, out.Inside = fields, false, 0, false
	return true
}

// headLen is the length of ` - - [22/Nov/2026:06:46:00 +0000] `.
const headLen = len(" - - ") + bracketedCLF + len(" ")

// isKnownHead reports whether b is that text, with the remembered time.
func (c *clfReader) isKnownHead(b *[headLen]byte) bool {
	const dashes = ' ' | '-'<<8 | ' '<<16 | '-'<<24
	return binary.LittleEndian.Uint32(b[:]) == dashes && b[4] == ' ' && b[headLen-1] == ' ' && c.isLastTime((*[bracketedCLF]byte)(b[5:]))
}

// isLastTime reports whether b is the remembered time in brackets, or another second of its
// minute.
func (c *clfReader) isLastTime(b *[bracketedCLF]byte) bool {
	const seconds = len("[22/Nov/2026:06:46:")
	// Four words cover the time. One ends with the tens of the seconds, one begins with the
	// ones.
	const tens, ones = seconds - 7, seconds + 1
	return (binary.LittleEndian.Uint64(b[ones:])^binary.LittleEndian.Uint64(c.last[ones:]))>>8 == 0 &&
		(binary.LittleEndian.Uint64(b[tens:])^binary.LittleEndian.Uint64(c.last[tens:]))<<8 == 0 &&
		binary.LittleEndian.Uint64(b[8:]) == binary.LittleEndian.Uint64(c.last[8:]) &&
		binary.LittleEndian.Uint64(b[:]) == binary.LittleEndian.Uint64(c.last[:]) &&
		b[seconds]-'0' <= 5 && b[seconds+1]-'0' <= 9
}

// findHost returns where the client begins and ends and where the user ends in the text before
// the first quote, behind the virtual host. hostEnd is -1 if they are not found, or if the
// virtual host may need treatment.
func (p *LogFormat) findHost(line []byte, quote int) (host, hostEnd, userEnd int) {
	// No user name holds an unescaped quote, so the time before the first quote is the server's,
	// whatever a client wrote in front of it.
	stamp := quote - bracketedCLF - len(" ")
	if stamp < 1 || line[stamp-1] != ' ' || line[quote-1] != ' ' || !isBracketedCLF(line[stamp:], &p.clf) {
		return -1, -1, -1
	}
	words := line[:stamp-1]
	if p.fast.begin != startHost {
		if host = p.fast.hostStart(words); host < 0 {
			return -1, -1, -1
		}
	}
	hostEnd = host + bytes.IndexByte(words[host:], ' ')
	if user := hostEnd + len(identless); hostEnd < host || user >= len(words) || string(words[hostEnd:user]) != identless {
		return -1, -1, -1
	}
	if host > 0 && string(words[host:hostEnd]) == "-" {
		return -1, -1, -1 // the text before it is not a virtual host
	}
	if user := words[hostEnd+len(identless):]; len(user) > 1 && holdsClient(user) {
		return -1, -1, -1
	}
	return host, hostEnd, len(words)
}

// hostStart returns where the client begins behind the virtual host, -1 if nowhere, or if the
// virtual host may need treatment.
func (u *fastLayout) hostStart(words []byte) int {
	sep, start := byte(' '), 0
	if u.begin == startPort {
		sep = ':'
	}
	n := bytes.IndexByte(words, sep)
	if n < 0 || !isPlainName(words[:n]) {
		return -1
	}
	if start = n + 1; u.begin == startPort {
		if start = numberEnd(words, start); start < 0 || start == len(words) || words[start] != ' ' {
			return -1
		}
		start++
	}
	return start
}

// isPlainName reports whether v is a host name that holds no address, whatever follows it: it
// has no colon, and cannot be a dotted quad, which has three dots.
func isPlainName(v []byte) bool {
	dots, digits := 0, false
	for _, c := range v {
		switch {
		case c|0x20 >= 'a' && c|0x20 <= 'z' || c == '-' || c == '_':
		case c == '.':
			dots++
		case c-'0' <= 9:
			digits = true
		default:
			return false
		}
	}
	return dots <= 2 || !digits
}

// numberEnd returns the end of the number, or of the '-' for none, at line[pos:], -1 if there is
// neither.
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

// isNumber reports whether line[pos:] is a number of one to eight digits. line must have at
// least eight bytes.
func isNumber(line []byte, pos int) bool {
	n := len(line) - pos
	if n < 1 || n > 8 || len(line) < 8 {
		return false
	}
	// The upper four bits of a digit are those of '0' and the lower ones are at most 9, so that
	// adding 0x76 to the XOR with '0' sets no highest bit.
	v := (binary.LittleEndian.Uint64(line[len(line)-8:]) ^ 0x3030303030303030) >> (64 - 8*n)
	return (v+0x7676767676767676|v)&0x8080808080808080 == 0
}

// statusOf returns the value of a three-digit number, 0 for any other.
func statusOf(b []byte) int {
	if len(b) != 3 {
		return 0
	}
	return int(b[0]-'0')*100 + int(b[1]-'0')*10 + int(b[2]-'0')
}
