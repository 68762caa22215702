package format

import (
	"bytes"
	"time"
	"unicode/utf8"
)

// JSONNode is a part of a JSON line: a value, or the start or end of an object or array. Streams
// rewrite JSON lines by it.
type JSONNode struct {
	Bracket byte // '{' or '[' at a start, '}' or ']' at an end, 0 for a value
	Named   bool // a member of an object, not an element of an array or the line itself
	Plain   bool // the name consists of letters, '_' and '-'
	Quoted  bool // the value is a string
	Literal bool // the value is true, false or null
	User    bool // the name contains "user"
	Kind    Kind
	Role    Role

	KeyStart, KeyEnd int // of the name in the line; elements have their array's
	Start, End       int // of a value in the line, without the quotes of a string
}

// JSONNodes finds the parts of JSON lines, and their kinds and roles by name. It serves one
// goroutine.
type JSONNodes struct {
	keys  map[string]key
	loc   *time.Location
	nodes []JSONNode
	name  []byte
	text  []byte
	stack [maxJSONDepth + 1]jsonLevel
}

// jsonLevel is an open object or array.
type jsonLevel struct {
	object   bool
	header   bool // holds the headers of a request or response
	ofClient bool // describes a client
	ofUser   bool // describes a user
	element  JSONNode
}

// NewJSONNodes returns the JSONNodes for the lines that p parses, nil if none of them is JSON.
func NewJSONNodes(p Parser) *JSONNodes {
	var j *jsonParser
	switch w := p.(type) {
	case *Auto:
		j = w.json
	case *wrapped:
		if !w.json.inner.wrapper {
			j = w.json
		}
	case *jsonParser:
		j = w
	}
	if j == nil {
		return nil
	}
	return &JSONNodes{keys: j.keys, loc: j.loc}
}

// Of returns the parts of a line that p has parsed and that is a JSON object from offset from
// on; nil if it is not. They are valid until the next call.
func (n *JSONNodes) Of(line []byte, from int) []JSONNode {
	n.nodes = n.nodes[:0]
	if cap(n.nodes) > maxKept/8 {
		n.nodes = nil
	}
	depth, member := 0, JSONNode{}
	n.stack[0] = jsonLevel{}
	for i := from; i < len(line); {
		level, width := &n.stack[depth], 1
		node := level.element
		if level.object {
			node = member
		}
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
			i++
			continue
		case '{', '[':
			if depth++; depth == len(n.stack) {
				return nil
			}
			node.Bracket = c
			n.nodes = append(n.nodes, node)
			n.stack[depth] = n.enter(level, node, c)
			member = JSONNode{}
			i++
			continue
		case '}', ']':
			if depth--; depth < 0 {
				return nil
			}
			n.nodes = append(n.nodes, JSONNode{Bracket: c})
			member = JSONNode{}
			i++
			continue
		case '"':
			end := closingQuote(line, i+1)
			if end < 0 {
				return nil
			}
			width = end + 1 - i
			if width == 2 && bytes.HasPrefix(line[i+2:], []byte(`""`)) && endsJSONValue(line[i+4:]) {
				width = 4
			}
			if level.object && !member.Named {
				member = n.member(level, line, i+1, end)
				i += width
				continue
			}
			node.Quoted, node.Start, node.End = true, i+1, end
		case 't', 'f', 'n':
			if width = jsonLiteral(line[i:]); width == 0 {
				return nil
			}
			node.Literal, node.Start, node.End = true, i, i+width
		default:
			width = max(jsonNumber(line[i:]), 1)
			node.Start, node.End = i, i+width
		}
		n.classify(&node, line)
		n.nodes = append(n.nodes, node)
		member = JSONNode{}
		i += width
	}
	if depth != 0 {
		return nil
	}
	return n.nodes
}

// classify sets the final kind of a value: numbers and whole time stamps are copied.
func (n *JSONNodes) classify(node *JSONNode, line []byte) {
	if isClient(node.Kind) || node.Kind == Forwarded {
		return
	}
	v := line[node.Start:node.End]
	switch {
	case !node.Quoted:
		node.Kind = Plain
	case node.Role == RoleTime:
		if _, width := parseTime(v, n.loc); width > 0 && width == len(v) {
			node.Kind = Plain
		}
	case node.Role == RoleStatus && len(v) == 3:
		if _, ok := number(v); ok {
			node.Kind = Plain
		}
	}
}

// enter returns the level that begins at a node.
func (n *JSONNodes) enter(above *jsonLevel, node JSONNode, bracket byte) jsonLevel {
	l := jsonLevel{object: bracket == '{', header: above.header, ofClient: above.ofClient, ofUser: above.ofUser, element: node}
	if node.Named {
		l.header = l.header || bytes.HasSuffix(n.name, []byte("headers"))
		l.ofClient = isClient(node.Kind) || string(n.name) == "source"
		l.ofUser = node.Role == RoleUser
	}
	l.element.Bracket, l.element.Named = 0, false
	return l
}

// member returns the node for the value of the name line[start:end].
func (n *JSONNodes) member(level *jsonLevel, line []byte, start, end int) JSONNode {
	node := JSONNode{Named: true, KeyStart: start, KeyEnd: end}
	name := line[start:end]
	node.Plain = isPlainKey(name)
	if bytes.IndexByte(name, '\\') >= 0 {
		n.text = appendJSONText(n.text[:0], name)
		name = n.text
	}
	var prefixed bool
	n.name, prefixed = appendKeyName(n.name[:0], name)
	k := lookUp(n.keys, n.name, level.ofClient)
	node.Kind = k.kind
	node.User = bytes.Contains(n.name, []byte("user")) && k.kind != UserAgent && string(n.name) != "useragent"
	node.Role = n.roleOf(level, k, prefixed)
	return node
}

// roleOf returns the role of the member named n.name. The server vouches for nothing that a
// client can send as a header.
func (n *JSONNodes) roleOf(level *jsonLevel, k key, prefixed bool) Role {
	fromHeader := level.header || prefixed
	if k.rank == rankUser { // of Options.JSONKeys; names without a use have this rank too
		switch k.use {
		case useClient:
			return RoleClient
		case useTarget:
			return RoleRequest
		case useStatus:
			return RoleStatus
		case useTime:
			return RoleTime
		}
	}
	switch k.use {
	case useClient:
		if fromHeader || k.rank >= rankHeader {
			return RoleOther
		}
		return RoleClient
	case useTime:
		if fromHeader {
			return RoleOther
		}
		return RoleTime
	case useTarget, useQuery, useStatus:
		switch {
		case level.header:
			return RoleOther
		case k.use == useTarget:
			return RoleRequest
		case k.use == useQuery:
			return RoleQuery
		}
		return RoleStatus
	}
	role := jsonRoles[string(n.name)]
	switch role {
	case RoleReferer, RoleAgent, RoleHost:
		return role
	case RoleProtocol, RoleMethod:
		if level.header {
			return RoleOther
		}
		return role
	case RoleUser, RoleSize, RoleDuration:
		if fromHeader {
			return RoleOther
		}
		return role
	}
	if level.ofUser && string(n.name) == "name" {
		return RoleUser
	}
	if prefixed && !level.header && string(n.name) == "version" {
		return RoleProtocol
	}
	return RoleOther
}

// jsonRoles are the roles of keys without a use in jsonKeys, from the same sources.
var jsonRoles = map[string]Role{
	"user": RoleUser, "username": RoleUser, "userid": RoleUser, "remoteuser": RoleUser, "clientusername": RoleUser, "authuser": RoleUser,

	"method": RoleMethod, "requestmethod": RoleMethod, "verb": RoleMethod,
	"protocol": RoleProtocol, "proto": RoleProtocol, "requestprotocol": RoleProtocol, "serverprotocol": RoleProtocol, "httpversion": RoleProtocol,

	"size": RoleSize, "bytes": RoleSize, "bytessent": RoleSize, "bodybytessent": RoleSize, "bytesout": RoleSize, "responsesize": RoleSize,
	"downstreamcontentsize": RoleSize, "responsebytes": RoleSize,

	"duration": RoleDuration, "requesttime": RoleDuration, "responsetime": RoleDuration, "timetaken": RoleDuration, "elapsed": RoleDuration,
	"latency": RoleDuration, "microseconds": RoleDuration, "requestduration": RoleDuration,

	"referer": RoleReferer, "referrer": RoleReferer, "requestreferer": RoleReferer,
	"useragent": RoleAgent, "agent": RoleAgent, "requestuseragent": RoleAgent,

	"host": RoleHost, "vhost": RoleHost, "virtualhost": RoleHost, "servername": RoleHost, "requesthost": RoleHost, "authority": RoleHost,
}

// AppendLogText appends the text that s, the inside of a JSON string, encodes, escaped as in
// httpd's logs: quotes, backslashes and control characters. An \xc3 from httpd stays.
func AppendLogText(dst, s []byte) []byte {
	for i := 0; i < len(s); {
		if s[i] != '\\' {
			dst = appendLogRune(dst, rune(s[i]), s[i:i+1])
			i++
			continue
		}
		r, width := unescapeJSON(s[i:])
		if r < 0 {
			dst = append(dst, s[i:i+width]...)
		} else {
			dst = appendLogRune(dst, r, nil)
		}
		i += width
	}
	return dst
}

// appendLogRune appends a character with httpd's escapes. self is its bytes, if they may be
// copied.
func appendLogRune(dst []byte, r rune, self []byte) []byte {
	switch {
	case r == '"', r == '\\':
		return append(dst, '\\', byte(r))
	case r == '\n':
		return append(dst, '\\', 'n')
	case r == '\t':
		return append(dst, '\\', 't')
	case r == '\r':
		return append(dst, '\\', 'r')
	case r < ' ', r == 0x7f:
		return append(dst, '\\', 'x', hexDigits[r>>4], hexDigits[r&15])
	case self != nil:
		return append(dst, self...)
	}
	return utf8.AppendRune(dst, r)
}

// AppendLogged appends s escaped as httpd does, bytes outside ASCII too.
func AppendLogged(dst, s []byte) []byte {
	for i, c := range s {
		if c >= 0x80 {
			dst = append(dst, '\\', 'x', hexDigits[c>>4], hexDigits[c&15])
		} else {
			dst = appendLogRune(dst, rune(c), s[i:i+1])
		}
	}
	return dst
}

const hexDigits = "0123456789abcdef"

// AppendJSONString appends the inside of the JSON string for a text that AppendLogText has
// escaped.
func AppendJSONString(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch {
		case c == '"':
			dst = append(dst, '\\', '"')
			continue
		case c < ' ', c == 0x7f:
			dst = appendJSONControl(dst, c)
			continue
		case c != '\\':
			dst = append(dst, c)
			continue
		case i+1 == len(s):
			return append(dst, '\\', '\\')
		}
		i++
		switch c := s[i]; {
		case c == '"', c == '\\', c == 'n', c == 't', c == 'r', c == 'b', c == 'f':
			dst = append(dst, '\\', c)
		case c == 'v':
			dst = appendJSONControl(dst, '\v')
		case c == 'x' && i+2 < len(s) && hexDigit(s[i+1]) < 16 && hexDigit(s[i+2]) < 16:
			if b := hexDigit(s[i+1])<<4 | hexDigit(s[i+2]); b < ' ' || b == 0x7f {
				dst = appendJSONControl(dst, b)
			} else {
				dst = append(append(dst, '\\'), s[i:i+3]...) // as in httpd's JSON lines
			}
			i += 2
		default:
			dst = append(dst, '\\', '\\', c)
		}
	}
	return dst
}

func appendJSONControl(dst []byte, c byte) []byte {
	return append(append(dst, `\u00`...), hexDigits[c>>4], hexDigits[c&15])
}

// IsJSONNumber reports whether v is a JSON number.
func IsJSONNumber(v []byte) bool { return len(v) > 0 && jsonNumber(v) == len(v) }

// AppendCLFTime appends a time stamp of a JSON line in the form of %t, [22/Nov/2026:06:46:00
// +0000]. Without a zone, it is in loc. It reports false for a time stamp that it cannot read.
func AppendCLFTime(dst, v []byte, loc *time.Location) ([]byte, bool) {
	const clf = "[02/Jan/2006:15:04:05 -0700]"
	if len(v) > 0 && v[0] == '[' {
		_, ok := parseCLF(v[1:])
		return append(dst, v...), ok && len(v) == bracketedCLF
	}
	if _, ok := parseCLF(v); ok && len(v) == clfLen {
		return append(append(append(dst, '['), v...), ']'), true
	}
	if sec, _, ok := EpochOf(v); ok {
		return time.Unix(sec, 0).In(loc).AppendFormat(dst, clf), true
	}
	day, width := parseISO(v)
	if width == 0 || width != len(v) || len(v) < len("2026-11-22T10:00:00") {
		return dst, false
	}
	year, month, mday := day.Date()
	clock, zone := v[len("2026-11-22T"):len("2026-11-22T10:00:00")], v[len("2026-11-22T10:00:00"):]
	zone = bytes.TrimPrefix(zone[fraction(zone):], []byte{' '})
	hour, _ := number(clock[0:2])
	minute, _ := number(clock[3:5])
	second, _ := number(clock[6:8])
	t := time.Date(year, time.Month(month), mday, hour, minute, second, 0, time.UTC)
	switch {
	case len(zone) == 0:
		return time.Date(year, time.Month(month), mday, hour, minute, second, 0, loc).AppendFormat(dst, clf), true
	case zone[0] == 'Z':
		return t.AppendFormat(dst, clf), true
	}
	dst = t.AppendFormat(dst, "[02/Jan/2006:15:04:05 ")
	dst = append(dst, zone[:3]...)
	return append(append(dst, zone[len(zone)-2:]...), ']'), true
}

// EpochOf reads a time since 1970 in seconds, or in thousandths, millionths or billionths of
// one. It returns whole seconds and the number of units in a second. It ignores a fraction.
func EpochOf(v []byte) (sec, unit int64, ok bool) {
	n, i := int64(0), 0
	for ; i < len(v) && v[i]-'0' <= 9; i++ {
		if i == 19 {
			return 0, 0, false
		}
		n = n*10 + int64(v[i]-'0')
	}
	switch {
	case n < 1e9 || i+fraction(v[i:]) != len(v):
		return 0, 0, false
	case n < 1e11:
		unit = 1
	case n < 1e14:
		unit = 1e3
	case n < 1e17:
		unit = 1e6
	default:
		unit = 1e9
	}
	return n / unit, unit, true
}
