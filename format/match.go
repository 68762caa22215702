package format

import (
	"bytes"
	"math"
	"strings"

	"hushpipe/format/civil"
)

// Parse implements Parser. No field includes a carriage return at the end of the line.
func (p *LogFormat) Parse(line []byte, out *Line) bool {
	if p.wrapped != nil {
		return p.wrapped.Parse(line, out)
	}
	return p.parse(line, out)
}

// parse reads a line that has no wrapper.
func (p *LogFormat) parse(line []byte, out *Line) bool {
	line = line[:lineEnd(line)]
	out.reset()
	out.Fields = append(out.Fields, p.fields...)
	p.date[0].ok, p.date[1].ok = false, false
	pos := 0
	for i := range p.segments {
		if pos = p.segment(&p.segments[i], line, pos, out.Fields); pos < 0 {
			return false
		}
	}
	return p.finish(line, out)
}

// finish sets what Line reports apart from the fields.
func (p *LogFormat) finish(line []byte, out *Line) bool {
	if p.user >= 0 {
		if f := &out.Fields[p.user]; f.End-f.Start > len(" -") && holdsClient(line[f.Start:f.End]) {
			f.Kind = Client
		}
	}
	if out.Client = p.client; len(p.own) > 0 && !p.exemptOwn(line, out.Fields) {
		return false
	}
	for end := range p.dateLayout {
		if out.Day, out.HasDay = p.dateLayout[end].day(&p.date[end], p.loc); out.HasDay {
			break
		}
	}
	if p.status >= 0 {
		if f := &out.Fields[p.status]; f.End-f.Start == 3 {
			out.Status, _ = number(line[f.Start:f.End])
		}
	}
	if p.target >= 0 {
		p.setTarget(line, out)
	}
	if p.list >= 0 {
		out.Peer, out.Client, out.Through = out.Client, p.list, p.list
	}
	return true
}

// holdsClient reports whether a user's name has a word before an identity, which may be a
// client: a line that another one was written into begins with NAME - NAME - -
// [22/Nov/2026:06:46:00 +0000].
func holdsClient(user []byte) bool {
	for end := 0; ; {
		n := bytes.Index(user[end:], []byte(" -"))
		if n < 0 {
			return false
		}
		word := user[:end+n]
		end += n + len(" -")
		if word = word[bytes.LastIndexByte(word, ' ')+1:]; (end == len(user) || user[end] == ' ') && len(word) > 0 && string(word) != "-" {
			return true
		}
	}
}

// exemptOwn decides which values of the server this line may keep. It treats the others like a
// URL, which covers anything that a line of another format, or the rest of an interleaved line,
// can have in their place. It trusts an address to be the server's only next to one of the
// client. It reports false if %v:%p may have cut an IPv6 address, which nobody would recognize
// any more.
func (p *LogFormat) exemptOwn(line []byte, f []Field) bool {
	isNobody := false // httpd always logs a client, so this line has another format
	if p.isPeer {
		client := line[f[p.client].Start:f[p.client].End]
		isNobody = len(client) > 0 && client[0] == '-' && (len(client) == 1 || client[1] == ' ')
	}
	for _, i := range p.own {
		own := &f[i]
		v := line[own.Start:own.End]
		isCut := own.End < len(line) && line[own.End] == ':' && endsUnbracketed(v)
		if own.Kind == Plain && isServerName(v) && !isNobody && (!isCut && !looksLikeAddress(v) || p.knowsClient(line, f)) {
			continue
		}
		if isCut {
			return false
		}
		if own.Kind = URL; isNobody || bytes.IndexByte(v, ' ') >= 0 {
			own.Kind = Client // not a server's name, perhaps a client's
		}
	}
	return true
}

// knowsClient reports whether the client's field is an address.
func (p *LogFormat) knowsClient(line []byte, f []Field) bool {
	return p.client >= 0 && looksLikeAddress(line[f[p.client].Start:f[p.client].End])
}

// endsUnbracketed reports whether the last word of v has a colon and no brackets around it.
func endsUnbracketed(v []byte) bool {
	return bytes.LastIndexByte(v, ':') > bytes.LastIndexByte(v, ' ') && v[len(v)-1] != ']'
}

// distrustOwn exempts no value of the server from treatment.
func (p *LogFormat) distrustOwn() {
	for _, f := range p.own {
		p.fields[f].Kind = URL
	}
}

// isServerName reports whether v can be a ServerName: a host name, perhaps with
// a wildcard, or an address.
func isServerName(v []byte) bool {
	for _, c := range v {
		if !serverNameBytes[c] {
			return false
		}
	}
	return len(v) <= 255 // RFC 1035, section 2.3.4
}

var serverNameBytes = func() (set [256]bool) {
	for c := range set {
		set[c] = c|0x20 >= 'a' && c|0x20 <= 'z' || c >= '0' && c <= '9' || strings.IndexByte("._:[]*-", byte(c)) >= 0
	}
	return set
}()

// looksLikeAddress reports whether b consists of the characters of an address, with at least two
// separators.
func looksLikeAddress(b []byte) bool {
	seps := 0
	for _, c := range b {
		switch {
		case c == '.' || c == ':':
			seps++
		case c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'f' || c == '[' || c == ']':
		default:
			return false
		}
	}
	return seps >= 2
}

// setTarget decodes the request target and appends a query that was logged separately.
func (p *LogFormat) setTarget(line []byte, out *Line) {
	f := out.Fields
	v := line[f[p.target].Start:f[p.target].End]
	if p.hostTarget {
		v = v[max(bytes.IndexByte(v, '/'), 0):]
	}
	t, _ := requestTarget(v)
	query := []byte(nil)
	if p.query >= 0 {
		query = line[f[p.query].Start:f[p.query].End]
	}
	if out.Target = t; t == nil || len(query) == 0 && bytes.IndexByte(t, '\\') < 0 {
		return
	}
	decoded := appendUnescaped(out.decoded[:0], t)
	if len(query) > 1 {
		decoded = appendUnescaped(decoded, query)
	}
	out.Target, out.decoded = decoded, decoded
}

// segment matches s to line from pos and returns where it ends, -1 for no match. An empty user
// is logged as two quotes (mod_log_config.c, log_remote_user); they are skipped if the segment
// cannot end at the first.
func (p *LogFormat) segment(s *segment, line []byte, pos int, f []Field) int {
	from := pos
	for empty := 0; ; empty++ {
		q := nextQuote(line, from, pos)
		hi, end := q-s.quote, q-s.quote+len(s.term)
		if s.term == nil && q < 0 {
			hi, end = len(line), len(line)
		}
		if (q < 0) == (s.term == nil) && hi >= pos && (!s.last || end == len(line)) && hasPrefix(line[hi:], s.term) &&
			p.match(s, line, pos, hi, f) && (s.users == 0 || s.emptyUsers(line, f) == empty) {
			return end
		}
		if empty == s.users || q < 0 || q+1 >= len(line) || line[q+1] != '"' {
			return -1
		}
		from = q + 2
	}
}

// emptyUsers counts the users logged as "". It returns -1 if one has no bytes at all, which
// httpd never writes.
func (s *segment) emptyUsers(line []byte, f []Field) int {
	n := 0
	for i := range s.elems {
		if e := &s.elems[i]; e.user {
			switch string(line[f[e.field].Start:f[e.field].End]) {
			case "":
				return -1
			case `""`:
				n++
			}
		}
	}
	return n
}

// nextQuote returns the first unescaped quote in line[from:], one without an odd number of
// backslashes before it, -1 for none. It counts backslashes no further back than start.
func nextQuote(line []byte, from, start int) int {
	for {
		i := bytes.IndexByte(line[from:], '"')
		if i < 0 {
			return -1
		}
		q := from + i
		if q == start || line[q-1] != '\\' {
			return q
		}
		k := q
		for k > start && line[k-1] == '\\' {
			k--
		}
		if (q-k)&1 == 0 {
			return q
		}
		for from = q + 1; from+1 < len(line) && line[from] == '\\' && line[from+1] == '"'; {
			from += 2 // the next quote is escaped too
		}
	}
}

// match matches the elements of s to the whole of line[lo:hi].
func (p *LogFormat) match(s *segment, line []byte, lo, hi int, f []Field) bool {
	if s.single >= 0 {
		f[s.single].Start, f[s.single].End = lo, hi
		return true
	}
	if hi = p.backward(s.elems[s.right:], line, lo, hi, f); hi < 0 {
		return false
	}
	if lo = p.forward(s.elems[:s.left], line, lo, hi, f); lo < 0 {
		return false
	}
	if s.left == len(s.elems) {
		return lo == hi
	}
	return s.ambiguous && p.middle(s, line, lo, hi, f, true) || p.middle(s, line, lo, hi, f, false)
}

// middle matches the opAny elements, and those between them, to line[lo:hi]. What lies between
// two of them is taken where it first occurs: if the rest matches anywhere, it matches from
// there. With ambiguous, where a client could choose the first place, middle looks for a better
// one.
func (p *LogFormat) middle(s *segment, line []byte, lo, hi int, f []Field, ambiguous bool) bool {
	i := s.left
	for s.elems[i].next > 0 {
		e := &s.elems[i]
		group := s.elems[i+1 : e.next]
		from := lo
		if ambiguous && e.list {
			from += e.listEnd(line[lo:hi])
		}
		if e.listed {
			from += max(bytes.LastIndexByte(line[lo:hi], ','), 0)
		}
		at, end := p.find(group, line, from, hi, f)
		if ambiguous && at >= 0 && e.host && !bytes.HasPrefix(line[at:hi], []byte(identless)) && !looksLikeAddress(line[lo:at]) {
			if k := bytes.Index(line[lo:hi], []byte(identless)); k >= 0 {
				at, end = p.find(group, line, lo+k, hi, f)
			}
		}
		if ambiguous && at >= 0 && e.dated != nil {
			at, end = p.findNewest(e.dated, group, line, at, hi, f)
		}
		if at < 0 {
			return false
		}
		f[e.field].Start, f[e.field].End = lo, at
		lo, i = end, e.next
	}
	e := &s.elems[i]
	f[e.field].Start, f[e.field].End = lo, hi
	return lo <= hi
}

// identless ends a host name, which may contain spaces in DNS: next comes the identity of RFC
// 1413, which nobody uses any more.
const identless = " - "

// listEnd returns where in b a list of addresses seems to end. Such a list has spaces behind its
// commas, and whatever else a client puts into the header. It ends at the identity, or e.words
// words before that, else at the first space that does not follow a comma. listEnd returns 0 if
// there is no such place.
func (e *element) listEnd(b []byte) int {
	if e.words >= 0 {
		skip := 0
		if e.words > 0 {
			skip = bytes.IndexByte(b, ' ') + 1
		}
		if k := bytes.Index(b[skip:], []byte(identless)); k >= 0 {
			if e.words == 0 {
				return k
			}
			return bytes.LastIndexByte(b[:skip+k], ' ')
		}
	}
	for at := 0; ; at++ {
		k := bytes.IndexByte(b[at:], ' ')
		if k < 0 {
			return 0
		}
		if at += k; at == 0 || b[at-1] != ',' {
			return at
		}
	}
}

// findNewest is find for elems that include a date. It takes the match with the newest date:
// with an old one in its user name, a client could have its line deleted. The first match is at
// line[at].
func (p *LogFormat) findNewest(dated *element, elems []element, line []byte, at, hi int, f []Field) (int, int) {
	newest, best := civil.Day(math.MinInt32), at
	for next := at; ; next++ {
		if next, _ = p.find(elems, line, next, hi, f); next < 0 {
			return p.find(elems, line, best, hi, f)
		}
		if d, ok := p.dateLayout[dated.end].day(&p.date[dated.end], p.loc); ok && d > newest {
			newest, best = d, next
		}
	}
}

// find returns where elems first match within line[lo:hi], and where that match ends.
func (p *LogFormat) find(elems []element, line []byte, lo, hi int, f []Field) (at, end int) {
	for at = lo; at <= hi; at++ {
		if len(elems) > 0 && elems[0].op == opLiteral && !hasPrefix(line[at:hi], elems[0].lit) {
			k := bytes.Index(line[at:hi], elems[0].lit)
			if k < 0 {
				break
			}
			at += k
		}
		if end = p.forward(elems, line, at, hi, f); end >= 0 {
			return at, end
		}
	}
	return -1, -1
}

// forward matches elems, none of them opAny, at line[lo:hi] and returns where the match ends, -1
// for none.
func (p *LogFormat) forward(elems []element, line []byte, lo, hi int, f []Field) int {
	for i := range elems {
		e := &elems[i]
		if e.op == opLiteral {
			if !hasPrefix(line[lo:hi], e.lit) {
				return -1
			}
			lo += len(e.lit)
			continue
		}
		n := e.prefix(line[lo:hi], &p.clf)
		if n < 0 {
			return -1
		}
		p.record(e, line, lo, lo+n, f)
		lo += n
	}
	return lo
}

// backward matches elems, none of them opAny, so that they end at line[hi], and returns where
// they begin, -1 for no match.
func (p *LogFormat) backward(elems []element, line []byte, lo, hi int, f []Field) int {
	for i := len(elems) - 1; i >= 0; i-- {
		e := &elems[i]
		if e.op == opLiteral {
			if !hasSuffix(line[lo:hi], e.lit) {
				return -1
			}
			hi -= len(e.lit)
			continue
		}
		n := e.suffix(line[lo:hi], &p.clf)
		if n < 0 {
			return -1
		}
		p.record(e, line, hi-n, hi, f)
		hi -= n
	}
	return hi
}

// hasPrefix and hasSuffix compare one byte without a call: most literals are a space.
func hasPrefix(b, lit []byte) bool {
	return len(b) >= len(lit) && (len(lit) == 0 || b[0] == lit[0]) && (len(lit) <= 1 || string(b[:len(lit)]) == string(lit))
}

func hasSuffix(b, lit []byte) bool {
	n := len(b) - len(lit)
	return n >= 0 && b[n] == lit[0] && (len(lit) == 1 || string(b[n:]) == string(lit))
}

// record sets the span of an element and, for a part of a time, its value.
func (p *LogFormat) record(e *element, line []byte, start, end int, f []Field) {
	if e.opens {
		f[e.field].Start = start
	}
	if e.closes {
		f[e.field].End = end
	}
	if e.part == partNone {
		return
	}
	d := &p.date[e.end]
	b := line[start:end]
	switch e.op {
	case opCLF:
		if len(b) > 1 {
			d.part[partDay], d.ok = int64(p.clf.day), true // the one just matched
		}
	case opName:
		for i, name := range e.names {
			if name == string(b) {
				d.part[e.part] = int64(i + 1)
			}
		}
	default:
		v := int64(0)
		for _, c := range b {
			if c-'0' <= 9 && v < 1e17 {
				v = v*10 + int64(c-'0')
			}
		}
		d.part[e.part] = v
	}
}
