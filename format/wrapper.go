package format

import (
	"bytes"
	"time"

	"hushpipe/format/machine"
)

// wrapped is a Parser of a format's lines, bare or wrapped by a log service.
type wrapped struct {
	line func(line []byte, out *Line) bool
	json *jsonParser
}

func newWrapped(line func(line []byte, out *Line) bool, loc *time.Location) *wrapped {
	w := &wrapped{line: line}
	w.json, _ = newKeyedJSON(loc, nil) // fails only for further keys
	w.json.inner.parse, w.json.inner.wrapper = w.parseInner, true
	return w
}

// Parse implements Parser.
func (w *wrapped) Parse(line []byte, out *Line) bool {
	n := wrapperLen(line)
	parse := w.line
	if n < len(line) && line[n] == '{' {
		parse = w.json.Parse
	}
	if parse(line[n:], out) {
		out.shift(n)
		return true
	}
	return n > 0 && w.line(line, out)
}

// ParseFast implements FastParser: only lines that are JSON from their first byte have a fast
// path.
func (w *wrapped) ParseFast(line []byte, m *machine.Delimiters, out *Line) bool {
	return len(line) > 0 && line[0] == '{' && w.json.ParseFast(line, m, out)
}

// parseInner reads a line inside a JSON line.
func (w *wrapped) parseInner(line []byte, out *Line) bool {
	n := wrapperLen(line)
	if !w.line(line[n:], out) {
		return false
	}
	out.shift(n)
	return true
}

// shift moves all offsets in l by n bytes.
func (l *Line) shift(n int) {
	if n == 0 {
		return
	}
	l.Start += n
	for i := range l.Fields {
		l.Fields[i].Start += n
		l.Fields[i].End += n
	}
}

// maxWrappers bounds the number of nested wrappers.
const maxWrappers = 3

// wrapperLen returns the length of what log services wrote in front of a line, 0 for nothing:
//
//	<134>Nov 27 10:00:01 web1 httpd[12]: …        RFC 3164, the priority and the host optional; journalctl -o short
//	2026-11-27T10:00:01.123+01:00 web1 httpd: …   the same, with rsyslog's time stamp
//	<134>1 2026-11-27T10:00:01Z web1 httpd - - - …   RFC 5424
//	2026-11-27T10:00:01.123456789Z stdout F …     the log of a container (CRI)
//	2026-11-27T10:00:01.123456789Z …              docker logs --timestamps
//	web-1  | …                                    docker compose logs
//
// The service wrote all of it; it names no client.
func wrapperLen(line []byte) int {
	total := 0
	for range maxWrappers {
		n := wrapperStart(line[total:])
		if n == 0 {
			break
		}
		total += n
	}
	return total
}

// wrapperStart returns the length of the first wrapper.
func wrapperStart(b []byte) int {
	if len(b) == 0 {
		return 0
	}
	if b[0] == '<' {
		end := bytes.IndexByte(b[:min(len(b), len("<191>"))], '>')
		if end < 2 || !allDigits(b[1:end]) {
			return 0
		}
		n := end + 1
		if bytes.HasPrefix(b[n:], []byte("1 ")) {
			return structuredLen(b, n+2)
		}
		if stamp := syslogStamp(b[n:]); stamp > 0 {
			return taggedLen(b, n+stamp)
		}
		return 0
	}
	if n := syslogStamp(b); n > 0 {
		return taggedLen(b, n)
	}
	if n := rfc3339(b); n > 0 && n < len(b) && b[n] == ' ' {
		n++
		if bytes.HasPrefix(b[n:], []byte("stdout ")) || bytes.HasPrefix(b[n:], []byte("stderr ")) {
			if n += len("stdout "); bytes.HasPrefix(b[n:], []byte("F ")) {
				return n + len("F ")
			}
			return 0 // a part of a line
		}
		if tagged := taggedLen(b, n); tagged > 0 {
			return tagged
		}
		return n
	}
	return containerLen(b)
}

// syslogStamp returns the length of "Nov 27 10:00:01 " at the start of b, perhaps with a
// fraction of the second, 0 for none.
func syslogStamp(b []byte) int {
	const full = len("Nov 27 10:00:01")
	if len(b) <= full || monthOf(b[:3]) == 0 || b[3] != ' ' || b[6] != ' ' || !isClock(b[7:full]) ||
		b[4]-'0' > 9 && b[4] != ' ' || b[5]-'0' > 9 {
		return 0
	}
	n := full + fraction(b[full:])
	if n == len(b) || b[n] != ' ' {
		return 0
	}
	return n + 1
}

// rfc3339 returns the length of a time stamp with a T at the start of b.
func rfc3339(b []byte) int {
	const date = len("2026-11-27")
	if len(b) <= date || b[4] != '-' || b[date] != 'T' {
		return 0
	}
	if _, n := parseISO(b); n > date {
		return n
	}
	return 0
}

// taggedLen returns the end of the optional host and the tag of RFC 3164 that begin at b[n], 0
// for anything else.
func taggedLen(b []byte, n int) int {
	for range 2 {
		end := bytes.IndexByte(b[n:], ' ')
		if end < 1 {
			return 0
		}
		word := b[n : n+end]
		n += end + 1
		if isTag(word) {
			return n
		}
		if !isServerName(word) {
			return 0
		}
	}
	return 0
}

// isTag reports whether a word is a program's name, perhaps with its process ID, and a colon:
// "httpd[12]:".
func isTag(word []byte) bool {
	name, ok := bytes.CutSuffix(word, []byte(":"))
	if at := bytes.IndexByte(name, '['); at > 0 && name[len(name)-1] == ']' && isProgram(name[at+1:len(name)-1]) {
		name = name[:at]
	}
	return ok && isProgram(name)
}

// isProgram reports whether name can be a program's, and does not look like an address.
func isProgram(name []byte) bool {
	for _, c := range name {
		if !serverNameBytes[c] && c != '/' && c != '(' && c != ')' && c != '@' || c == ':' || c == '[' || c == ']' {
			return false
		}
	}
	return len(name) > 0 && len(name) <= 128 && !looksLikeAddress(name)
}

// structuredLen returns the end of the RFC 5424 header (section 6) whose time stamp begins at
// b[n], 0 for none.
func structuredLen(b []byte, n int) int {
	for i := range 5 { // time stamp, host, program, process, message id
		end := bytes.IndexByte(b[n:], ' ')
		if end < 1 {
			return 0
		}
		word := b[n : n+end]
		switch {
		case string(word) == "-":
		case i == 0 && rfc3339(word) != len(word), i == 1 && !isServerName(word), i > 1 && !isProgram(word):
			return 0
		}
		n += end + 1
	}
	if n < len(b) && b[n] == '-' {
		n++
	} else {
		for n < len(b) && b[n] == '[' {
			end := elementEnd(b[n:])
			if end < 0 {
				return 0
			}
			n += end
		}
	}
	if n+1 >= len(b) || b[n] != ' ' || b[n-1] == ' ' {
		return 0
	}
	n++
	if bytes.HasPrefix(b[n:], []byte(ByteOrderMark)) {
		n += len(ByteOrderMark)
	}
	return n
}

// elementEnd returns the length of the element of structured data at the start of b, -1 for
// none. In quotes, a backslash escapes '"', '\' and ']'.
func elementEnd(b []byte) int {
	quoted := false
	for i := 1; i < len(b); i++ {
		switch c := b[i]; {
		case c == '\\' && quoted:
			i++
		case c == '"':
			quoted = !quoted
		case c == ']' && !quoted:
			return i + 1
		}
	}
	return -1
}

// containerLen returns the length of "web-1  | " at the start of b, 0 for none.
func containerLen(b []byte) int {
	n := bytes.IndexByte(b[:min(len(b), 80)], ' ')
	if n < 1 || !isProgram(b[:n]) {
		return 0
	}
	for n < len(b) && b[n] == ' ' {
		n++
	}
	if n+1 >= len(b) || b[n] != '|' || b[n+1] != ' ' {
		return 0
	}
	return n + 2
}

// ByteOrderMark is U+FEFF in UTF-8, which some programs put in front of a text.
const ByteOrderMark = "\ufeff"
