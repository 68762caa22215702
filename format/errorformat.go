package format

import (
	"bytes"
	"strings"

	"hushpipe/format/civil"
)

// errorFormat is an ErrorLogFormat string of httpd, compiled. It is a Parser.
//
// httpd cuts the format into fields, before each space that has no backslash in front. It leaves
// out a whole field if a value in it is missing (server/log.c, do_errorlog_format), unless the
// format has a hyphen for the value. So Parse looks for each field where the one before ended,
// and for those behind the message from the end of the line.
//
// A value of unknown shape identifies nothing: wherever it ends, it is treated as a URL.
type errorFormat struct {
	before, behind []errorField // the message
	message, dated bool
	starts         []int // scratch: where the fields behind the message begin, -1 if left out
}

// errorField is an optional space and the items up to the next one.
type errorField struct {
	items    []errorItem
	optional bool
}

// errorItem is one directive or a literal text.
type errorItem struct {
	lit    []byte // nil for a value
	name   byte   // the directive's letter
	kind   Kind   // of a header, variable or note
	hyphen bool   // a hyphen may take its place
}

// compileErrors compiles an ErrorLogFormat string as httpd's parse_errorlog_string does. It
// accepts the text of a configuration file (\" for a quote) and the bare text. An error is a
// *FormatError.
func compileErrors(errorLogFormat string) (*errorFormat, error) {
	p, f, src := &errorFormat{}, errorField{}, errorLogFormat
	fail := func(at int, reason string) error {
		return &FormatError{Format: src, Column: at + 1, Reason: reason}
	}
	end := func() {
		if len(f.items) > 0 && p.message {
			p.behind = append(p.behind, f)
		} else if len(f.items) > 0 {
			p.before = append(p.before, f)
		}
		f = errorField{}
	}
	values := 0
	for i := 0; i < len(src); {
		switch c := src[i]; {
		case c == ' ':
			end()
			f.literal(c)
			i++
		case c == '%' && strings.HasPrefix(src[i+1:], " "):
			end()
			i += 2
		case c == '%' && strings.HasPrefix(src[i+1:], "%"):
			f.literal(c)
			i += 2
		case c == '%':
			item, n, reason := readErrorItem(src[i:])
			if reason != "" {
				return nil, fail(i+n, reason)
			}
			values++
			p.dated = p.dated || item.name == 't'
			if i += n; item.name != 'M' {
				f.items = append(f.items, item)
				f.optional = f.optional || !item.hyphen
				continue
			}
			if p.message {
				return nil, fail(i-n, "a second message (%M)")
			}
			end()
			p.message = true
		default:
			c, n := unescape(src[i:])
			if strings.HasPrefix(src[i:], `\ `) {
				c, n = ' ', 2
			}
			if c == '\n' {
				return nil, fail(i, "a newline inside the format: a line is one line")
			}
			f.literal(c)
			i += n
		}
	}
	end()
	p.starts = make([]int, len(p.behind))
	if values == 0 {
		return nil, fail(0, "the format has no directive such as %M")
	}
	return p, nil
}

func (f *errorField) literal(c byte) {
	if n := len(f.items); n > 0 && f.items[n-1].lit != nil {
		f.items[n-1].lit = append(f.items[n-1].lit, c)
		return
	}
	f.items = append(f.items, errorItem{lit: []byte{c}})
}

// readErrorItem reads the directive at the start of s and returns its length. For an invalid
// one, wrong is the reason and n its offset.
func readErrorItem(s string) (item errorItem, n int, wrong string) {
	arg := ""
	item.kind = URL
	for n = 1; n < len(s); {
		switch c := s[n]; {
		case c == '-', c == '+': // + leaves out the line where the value is missing
			item.hyphen = true
			n++
		case c-'0' <= 9:
			n++
		case c == '{':
			end := strings.IndexByte(s[n:], '}')
			if end < 0 {
				return item, n, "no } closes this {"
			}
			arg = s[n+1 : n+end]
			n += end + 1
		case strings.IndexByte("aAeEFiklLmMnPtTvV", c) >= 0:
			item.name = c
			if strings.IndexByte("ein", c) >= 0 {
				if item.kind = namedKind(arg); item.kind == Text || item.kind == UserAgent {
					item.kind = URL
				}
			}
			return item, n + 1, ""
		default:
			return item, n, "httpd knows no such directive of an ErrorLogFormat"
		}
	}
	return item, 0, "the format ends inside a directive (a percent sign is %%)"
}

// Parse implements Parser.
func (p *errorFormat) Parse(line []byte, out *Line) bool {
	out.reset()
	out.Error = true
	line = line[:lineEnd(line)]
	pos := 0
	for i := range p.before {
		f := &p.before[i]
		mark, day, hasDay, client := len(out.Fields), out.Day, out.HasDay, out.Client
		next := f.parse(line, pos, false, out)
		if next < 0 {
			if !f.optional {
				return false
			}
			out.Fields, out.Day, out.HasDay, out.Client = out.Fields[:mark], day, hasDay, client
			continue
		}
		pos = next
	}
	if pos == 0 || p.dated && !out.HasDay {
		return false // any line would match
	}
	if !p.message {
		return pos == len(line)
	}
	end := len(line)
	for i := len(p.behind) - 1; i >= 0; i-- {
		f := &p.behind[i]
		p.starts[i] = -1
		if at := bytes.LastIndex(line[pos:end], f.items[0].lit); at >= 0 && f.items[0].lit != nil {
			end = pos + at
			p.starts[i] = end
		} else if !f.optional {
			return false
		}
	}
	if n := RewriteName(line[:pos], line[pos:end]); n > 0 {
		out.addAs(RoleMessage, Client, pos, pos+n)
		pos += n
	}
	if !addMessage(line[:end], pos, true, out) {
		return false
	}
	for i := range p.behind {
		if p.starts[i] < 0 {
			continue
		}
		stop := len(line)
		for _, next := range p.starts[i+1:] {
			if next >= 0 {
				stop = next
				break
			}
		}
		mark, client := len(out.Fields), out.Client
		if p.behind[i].parse(line[:stop], p.starts[i], true, out) != stop {
			out.Fields, out.Client = out.Fields[:mark], client
			out.add(URL, p.starts[i], stop)
		}
	}
	return true
}

// parse adds the fields of f at line[pos:] and returns where f ends, -1 for no match. The first
// field of a line has no leading space. The last value extends to the end of the line, any other
// to a space.
func (f *errorField) parse(line []byte, pos int, last bool, out *Line) int {
	for i := range f.items {
		item := &f.items[i]
		if item.lit != nil {
			lit := item.lit
			if i == 0 && pos == 0 {
				lit = bytes.TrimPrefix(lit, []byte(" ")) // the fields before it are left out
			}
			if !bytes.HasPrefix(line[pos:], lit) {
				return -1
			}
			pos += len(lit)
			continue
		}
		var behind []byte
		if i+1 < len(f.items) {
			behind = f.items[i+1].lit
		}
		if pos = item.parse(line, pos, behind, last && i+1 == len(f.items), out); pos < 0 {
			return -1
		}
	}
	return pos
}

// parse adds the value at line[pos:] and returns its end, -1 for no match. The value ends at the
// text behind or, without one, at a space, or at the end of the line if it is the last.
func (item *errorItem) parse(line []byte, pos int, behind []byte, last bool, out *Line) int {
	b := line[pos:]
	if len(b) > 0 && b[0] == '-' && (len(b) == 1 || bytes.HasPrefix(b[1:], behind) && (item.hyphen || len(behind) > 0 || b[1] == ' ')) {
		return pos + 1 // no value, or hushpipe removed it
	}
	n, kind := -1, Plain
	switch item.name {
	case 't':
		if n = 0; len(b) > 0 {
			var day civil.Day
			if day, n = parseErrorTime(b); n > 0 && (!out.HasDay || day > out.Day) {
				out.Day, out.HasDay = day, true
			}
		}
	case 'l', 'm':
		for n = 0; n < len(b) && (b[n]|0x20 >= 'a' && b[n]|0x20 <= 'z' || b[n]-'0' <= 9 || b[n] == '_'); {
			n++
		}
	case 'P', 'T', 'k':
		if n = digits(b); n > maxDigits {
			n = 0
		}
	default:
		kind = item.kind
		if len(behind) > 0 {
			n = bytes.Index(b, behind)
		} else if n = bytes.IndexByte(b, ' '); n < 0 || last {
			n = len(b)
		}
		if item.name == 'a' {
			return addErrorPeer(line, pos, n, behind, out)
		}
		if item.name == 'L' && n > 0 && bytes.IndexByte(b[:n], ' ') >= 0 || item.name == 'F' && n > 0 && !isSourceLine(b[:n]) {
			n = -1
		}
		if item.name == 'A' && n > 0 && isServerName(b[:n]) && out.Client >= 0 {
			// As in LogFormat, an address is the server's own only next to an address of the
			// client.
			if client := &out.Fields[out.Client]; looksLikeAddress(line[client.Start:client.End]) {
				kind = Plain
			}
		}
		if item.name == 'E' && (n < 1 || b[0] != '(') {
			n = -1
		}
	}
	if n <= 0 || !bytes.HasPrefix(b[n:], behind) {
		return -1
	}
	out.addAs(errorRoles[item.name], kind, pos, pos+n)
	return pos + n
}

// errorRoles are the roles of directives, by letter.
var errorRoles = ['z' + 1]Role{'t': RoleTime, 'l': RoleLevel, 'm': RoleModule, 'E': RoleMessage}

// isSourceLine reports whether b is a source position such as "core.c(12)".
func isSourceLine(b []byte) bool {
	open := bytes.IndexByte(b, '(')
	return open > 0 && bytes.IndexByte(b, ' ') < 0 && b[len(b)-1] == ')' && allDigits(b[open+1:len(b)-1])
}

// addErrorPeer adds the fields of ADDRESS:PORT at line[pos:] and returns its end, -1 for no
// match. n is its length unless it is an IPv6 address in brackets, whose own bracket may have
// ended it too early.
func addErrorPeer(line []byte, pos, n int, behind []byte, out *Line) int {
	if pos < len(line) && line[pos] == '[' && n > 0 && len(behind) > 0 && behind[0] == ']' {
		if more := bytes.Index(line[pos+n+1:], behind); more >= 0 && (more == 0 || line[pos+n+1] == ':' && allDigits(line[pos+n+2:pos+n+1+more])) {
			n += 1 + more
		}
	}
	if n <= 0 || bytes.IndexByte(line[pos:pos+n], ' ') >= 0 {
		return -1
	}
	at := len(out.Fields)
	addPeer(line, pos, pos+n, true, out)
	if out.Client < 0 {
		out.Client, out.Fields[at].Role = at, RoleClient
	}
	return pos + n
}
