package format

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"
)

// FormatError reports where a LogFormat or ErrorLogFormat string is invalid. Column counts bytes
// from 1.
type FormatError struct {
	Format string
	Column int
	Reason string
}

func (e *FormatError) Error() string {
	return fmt.Sprintf("log format, column %d: %s", e.Column, e.Reason)
}

// LogFormat is an Apache LogFormat string compiled into a plan. It is a Parser.
//
// httpd escapes every value that a client can choose (server/util.c, ap_escape_logitem): no
// value holds an unescaped quote, except the two of an empty %u. So the unescaped quotes of a
// line correspond to those of the format, one by one, and cut plan and line into the same
// segments. Within a segment, the elements of known shape are matched from the right end, then
// from the left end, and the others share the rest. A time stamp that a client puts into its
// user name therefore loses against the real one behind it.
//
// Matching is linear in the length of the line: nothing is tried twice, except for a line whose
// better places (see middle) leave no match.
type LogFormat struct {
	segments   []segment
	names      []string // the directive of each field
	fields     []Field  // what Parse appends, without positions
	own        []int    // fields whose value the server sets
	dateLayout [2]dateLayout
	loc        *time.Location
	fast       fastLayout
	wrapped    *wrapped // of a named format: reads its lines inside a wrapper too

	places

	// Scratch.
	date [2]date // begin and end of the request
	clf  clfReader
}

// places holds the indexes of the fields that Line reports, -1 for none.
type places struct {
	client, status, target, query, user int
	list                                int  // of clients that a proxy names; client is then the peer
	isPeer                              bool // client is %h or %a
	hostTarget                          bool // the target has a host before its path, as in %V%U
	pathOnly                            bool // the target has no query
}

// noPlaces is the places of a format without such fields.
var noPlaces = places{client: -1, status: -1, target: -1, query: -1, user: -1, list: -1}

// A segment extends from the end of the previous one to the next quote of the format.
type segment struct {
	elems []element
	// elems[:left] are matched from the left, elems[right:] from the right; elems[left] and
	// elems[right-1] are opAny, if there are any.
	left, right int
	single      int    // the field of a segment with one element, opAny, else -1
	ambiguous   bool   // for an opAny element, the first match may not be the best
	users       int    // number of %u, each of which can add two quotes
	term        []byte // the literal that ends the segment, nil at the end of the line
	quote       int    // offset of the first quote in term
	last        bool
}

// Compile compiles a LogFormat string as httpd's mod_log_config does. It accepts both the text
// of a configuration file (\" for a quote) and the bare text. Epoch times are dated in loc. An
// error is a *FormatError.
func Compile(logFormat string, loc *time.Location) (*LogFormat, error) {
	return compileWith(logFormat, loc, Options{})
}

// compileWith is Compile with Options.
func compileWith(logFormat string, loc *time.Location, opt Options) (*LogFormat, error) {
	client := opt.Client
	c := compiler{src: logFormat, opt: opt, clientArg: client, p: &LogFormat{loc: loc, places: noPlaces}}
	c.p.clf.last[0] = '\n' // matches no line, as zeros could
	if err := c.scan(); err != nil {
		return nil, err
	}
	if client != "" && c.trust != trustConfigured {
		return nil, &ClientError{client, fmt.Sprintf("no directive of the format %s has this argument", logFormat)}
	}
	if c.p.client >= 0 {
		c.p.fields[c.p.client].Role = RoleClient
	}
	c.p.isPeer = c.p.client >= 0 && (c.trust == trustPeer || c.trust == trustClient)
	c.link()
	if opt.Proxies {
		return c.p, c.behindProxies()
	}
	return c.p, nil
}

// compiler builds a LogFormat from its string.
type compiler struct {
	src       string
	p         *LogFormat
	elems     []element
	opt       Options
	clientArg string // argument of the client's directive, "" for any
	trust     int    // of the client found so far
	// The same for the peer, and for the clients that a proxy names.
	atPeer, peerRank  int
	atList, listTrust int
	full              bool // the target comes from a request line, which includes the query
}

func (c *compiler) fail(at int, reason string) error {
	return &FormatError{Format: c.src, Column: at + 1, Reason: reason}
}

func (c *compiler) scan() error {
	src := strings.TrimSuffix(strings.TrimSuffix(c.src, "\n"), `\n`) // httpd ends the line itself
	if src == "" {
		return c.fail(0, "the format is empty")
	}
	for i := 0; i < len(src); {
		switch ch := src[i]; {
		case ch == '%' && i+1 < len(src) && src[i+1] == '%':
			c.literal('%')
			i += 2
		case ch == '%':
			n, err := c.directive(src, i)
			if err != nil {
				return err
			}
			for len(c.p.names) < len(c.p.fields) {
				c.p.names = append(c.p.names, src[i:i+n])
			}
			i += n
		default:
			ch, n := unescape(src[i:])
			if ch == '\n' {
				return c.fail(i, "a newline inside the format: a line is one line")
			}
			if ch == '"' && c.endsWith('\\') {
				return c.fail(i, "a backslash before a quote cannot be told from an escaped quote")
			}
			c.literal(ch)
			i += n
		}
	}
	if len(c.p.fields) == 0 {
		return c.fail(0, "the format has no directive such as %h")
	}
	return nil
}

// unescape returns the first byte of literal text and the length of its spelling. httpd keeps
// unknown escapes (mod_log_config.c, parse_log_misc_string); \" belongs to the configuration
// file.
func unescape(s string) (byte, int) {
	if s[0] == '\\' && len(s) > 1 {
		switch s[1] {
		case '\\', '"':
			return s[1], 2
		case 'n':
			return '\n', 2
		case 'r':
			return '\r', 2
		case 't':
			return '\t', 2
		}
	}
	return s[0], 1
}

func (c *compiler) literal(ch byte) {
	if n := len(c.elems); n > 0 && c.elems[n-1].op == opLiteral {
		c.elems[n-1].lit = append(c.elems[n-1].lit, ch)
		return
	}
	c.elems = append(c.elems, element{op: opLiteral, lit: []byte{ch}, field: -1})
}

// endsWith reports whether the last element is a literal that ends with ch.
func (c *compiler) endsWith(ch byte) bool {
	n := len(c.elems)
	return n > 0 && c.elems[n-1].op == opLiteral && bytes.HasSuffix(c.elems[n-1].lit, []byte{ch})
}

// directive compiles the directive at src[i] and returns its length. Modifiers and the argument
// may come in any order (mod_log_config.c, parse_log_item).
func (c *compiler) directive(src string, i int) (int, error) {
	d := directive{}
	for j := i + 1; j < len(src); {
		switch ch := src[j]; {
		case ch == '<':
			d.original = true
			j++
		case ch == '>':
			d.final = true
			j++
		case ch == '!' || ch == ',':
			j++
		case ch-'0' <= 9:
			d.conditional = true
			j++
		case ch == '{':
			n := strings.IndexByte(src[j:], '}')
			if n < 0 {
				return 0, c.fail(j, "no } closes this {")
			}
			d.arg = src[j+1 : j+n]
			j += n + 1
		case ch == '^' && j+2 < len(src):
			d.name = src[j : j+3]
			return j + 3 - i, c.addAs(d, i)
		default:
			d.name = src[j : j+1]
			return j + 1 - i, c.addAs(d, i)
		}
	}
	return 0, c.fail(i, "the format ends inside a directive (a percent sign is %%)")
}

// addAs is add, and sets the role of the new fields.
func (c *compiler) addAs(d directive, at int) error {
	n := len(c.p.fields)
	err := c.add(d, at)
	for role := c.roleOf(d); n < len(c.p.fields); n++ {
		c.p.fields[n].Role, c.p.fields[n].Directive = role, uint16(n+1)
	}
	return err
}

// value appends a field of one element and returns its index.
func (c *compiler) value(e element) int {
	e.field, e.opens, e.closes = len(c.p.fields), true, true
	e.dash = e.dash && e.op != opNumber && e.op != opToken // these match it anyway
	c.p.fields = append(c.p.fields, Field{Kind: e.kind})
	c.elems = append(c.elems, e)
	return e.field
}

// joinedKind returns the kind for a field of two values, the one with the stricter treatment.
func joinedKind(a, b Kind) Kind {
	switch {
	case a == b:
		return a
	case isClient(a) || isClient(b):
		return Client
	case a == URL || b == URL || a == Request || b == Request:
		return URL
	}
	return Text
}

func isClient(k Kind) bool { return k == Client || k == ClientList || k == Forwarded }

// link sets what depends on neighbours and cuts the elements into segments.
func (c *compiler) link() {
	for i := range c.elems {
		e := &c.elems[i]
		atStart := i == 0 || c.elems[i-1].op == opLiteral
		spaceBefore := i == 0 || bytes.HasSuffix(c.elems[i-1].lit, []byte(" ")) || bytes.HasSuffix(c.elems[i-1].lit, []byte(`"`))
		spaceAfter := i+1 == len(c.elems) || bytes.HasPrefix(c.elems[i+1].lit, []byte(" ")) || bytes.HasPrefix(c.elems[i+1].lit, []byte(`"`))
		switch e.op {
		case opToken:
			if !spaceBefore || !spaceAfter {
				e.op = opAny
			}
		case opAddress: // greedy: it would swallow the colon of %A:%p
			if i+1 < len(c.elems) && c.elems[i+1].op == opLiteral && isAddressByte(c.elems[i+1].lit[0]) {
				e.op = opAny
			}
		case opNumber:
			e.signed = atStart && (i == 0 || !bytes.HasSuffix(c.elems[i-1].lit, []byte("-")))
			k := i + 1
			for ; k < len(c.elems) && c.elems[k].op == opDigits; k++ {
				e.reserve += c.elems[k].max
			}
			if k < len(c.elems) {
				e.reserve += digits(c.elems[k].lit)
			}
			if i > 0 {
				lit := c.elems[i-1].lit
				e.before = len(lit) - len(bytes.TrimRight(lit, "0123456789"))
			}
		}
	}
	for i := 1; i < len(c.elems); i++ {
		if a, b := &c.elems[i-1], &c.elems[i]; a.op == opAny && b.op == opAny {
			c.join(a, b)
		}
	}

	s := segment{}
	for _, e := range c.elems {
		q := bytes.IndexByte(e.lit, '"')
		if q < 0 {
			s.elems = append(s.elems, e)
			continue
		}
		s.term, s.quote = e.lit, q
		c.p.segments = append(c.p.segments, s.link())
		s = segment{}
	}
	if len(s.elems) > 0 {
		c.p.segments = append(c.p.segments, s.link())
	}
	c.p.segments[len(c.p.segments)-1].last = true
	c.p.dateLayout = dateLayouts(c.elems)
	for _, s := range c.p.segments {
		for i, e := range s.elems {
			if !e.own {
				continue
			}
			c.p.own = append(c.p.own, e.field)
			if !s.anchors(i) {
				c.p.fields[e.field].Kind = URL
			}
		}
	}
	if c.p.client < 0 { // an address there could be the client's
		c.p.distrustOwn()
	}
	c.p.pathOnly = !c.full && c.p.query < 0
	if c.full || c.p.query == c.p.target {
		c.p.query = -1
	}
	c.p.findFastLayout(c.elems)
}

// join makes one value of two neighbours that nothing separates: b gets the bytes of both.
func (c *compiler) join(a, b *element) {
	b.kind = joinedKind(a.kind, b.kind)
	a.user, b.user = false, false
	c.p.fields[a.field].Joined = true
	c.p.fields[b.field].Role = joinedRole(c.p.fields[a.field].Role, c.p.fields[b.field].Role)
	a.own, b.own = false, a.own && b.own
	c.p.fields[b.field].Kind = b.kind
	if c.p.fields[b.field].Role == RoleOther {
		c.p.fields[b.field].Directive = 0 // the value belongs to neither directive
	}
	c.p.hostTarget = c.p.hostTarget || b.field == c.p.target && a.kind != Client && !c.full
	for _, role := range []*int{&c.p.client, &c.p.target, &c.p.user, &c.atPeer, &c.atList} {
		if *role == a.field {
			*role = b.field
		}
	}
}

// link fills in what the elements of a segment need to know about each other.
func (s segment) link() segment {
	first, prev := -1, -1
	for i := range s.elems {
		e := &s.elems[i]
		if e.user {
			s.users++
		}
		if e.op != opAny {
			continue
		}
		if first < 0 {
			first = i
		} else {
			s.elems[prev].next = i
		}
		prev = i
		e.host = e.kind == Client && s.isWord(i+2, opToken)
		if (e.kind == ClientList || e.kind == Forwarded) && i+1 < len(s.elems) && bytes.HasPrefix(s.elems[i+1].lit, []byte(" ")) {
			e.list, e.words = true, -1
			if s.isIdentity(i + 2) {
				e.words = 0
			} else if s.isWord(i+2, opAny) && s.isIdentity(i+4) {
				e.words = 1
			}
		}
	}
	for i := first; i >= 0 && i < prev; i = s.elems[i].next {
		e := &s.elems[i]
		for k := i + 1; k < e.next; k++ {
			switch s.elems[k].part {
			case partDay, partYear, partYY:
				e.dated = &s.elems[k]
			}
		}
		s.ambiguous = s.ambiguous || e.host || e.list || e.dated != nil
	}
	for i := range s.elems {
		e := &s.elems[i]
		e.listed = (e.kind == ClientList || e.kind == Forwarded) && e.next == i+2 && e.next == prev &&
			string(s.elems[i+1].lit) == "," && s.elems[prev].kind == Client
	}
	s.left, s.right = first, prev+1
	if first < 0 {
		s.left, s.right = len(s.elems), len(s.elems)
	}
	s.single = -1
	if len(s.elems) == 1 && first == 0 {
		s.single = s.elems[0].field
	}
	return s
}

// isWord reports whether element i matches by o and lies between two spaces.
func (s *segment) isWord(i int, o op) bool {
	return i+1 < len(s.elems) && s.elems[i].op == o && string(s.elems[i-1].lit) == " " && string(s.elems[i+1].lit) == " "
}

func (s *segment) isIdentity(i int) bool { return s.isWord(i, opToken) && s.elems[i].kind == Client }

// anchors reports whether no client can make element i match bytes that the client chose: no
// client chooses what comes before it in the segment or, if it is matched from the end, what
// comes behind it.
func (s *segment) anchors(i int) bool {
	before, after := s.elems[:i], s.elems[i+1:]
	if s.elems[i].op == opAny {
		return !slices.ContainsFunc(before, element.isClients)
	}
	if i > 0 && before[i-1].isClients() || len(after) > 0 && after[0].isClients() {
		return false // nothing separates them
	}
	return !slices.ContainsFunc(before, element.isClients) || i >= s.right && !slices.ContainsFunc(after, element.isClients)
}

// isClients reports whether a client may choose the bytes of e, and their number.
func (e element) isClients() bool { return !e.own && (e.op == opAny || e.op == opToken) }
