package format

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"
)

// jsonParser is the Parser of lines that are one JSON object each, as Apache writes
// them with a LogFormat made of JSON, nginx with escape=json, and Caddy. It
// finds values by their keys, at any depth. All strings become fields, keys
// too; numbers only where an address is expected.
//
// fastjson decodes and judges a copy of the line. The spans come from the line
// itself, so that what nobody replaces keeps its bytes: Apache escapes by rules
// of its own (server/util.c, ap_escape_logitem), and \xc3 is no JSON. Where the
// two readings differ, the line is malformed.
type jsonParser struct {
	jsonConfig
	parser  fastjson.Parser
	member  func(name []byte, v *fastjson.Value) // j.visit, bound once
	tokens  []jsonToken
	patched []byte // a line of httpd's, as JSON
	name    []byte
	wasLong bool // the last line was a long one

	jsonShapesSeen
	inner jsonService
	jsonLine
}

// jsonAsked is what lines are read for.
type jsonConfig struct {
	loc       *time.Location
	keys      map[string]key
	opt       Options
	clientKey string // opt.Client, in the spelling of keys
}

// jsonShapesSeen are the shapes of earlier lines, see ParseFast.
type jsonShapesSeen struct {
	shapes [jsonShapes]jsonShape
	latest int       // of shapes
	shape  jsonShape // of the line at hand, as far as it is known
	unfit  bool      // it has none
}

// jsonService is what may stand under the key of a log service, and what was found there.
type jsonService struct {
	parse   func(line []byte, out *Line) bool // nil: nothing may
	wrapper bool                              // all lines are of a log service
	within  Line
	text    []byte // what it is in, without JSON's escapes

	unread    bool // there is a text of a log service, in an unknown format
	read      bool // there is one in a known format,
	first     int  // whose fields begin here,
	uncertain bool // under a key that has other texts as well
}

// jsonLine is the line at hand.
type jsonLine struct {
	line     []byte
	out      *Line
	rest     []jsonToken // not yet seen by fastjson
	mismatch bool
	header   bool // inside an object of headers
	ofClient bool // inside an object that is a client
	jsonFound
}

// jsonTold is what the values of a line have told.
type jsonFound struct {
	rank     [useLine + 1]uint8
	listRank uint8 // of the fields that a proxy names, with opt.Proxies
	list     int
	listEnd  int
	query    []byte
	fromLine bool // out.Target is from a full request line
	clients  bool // there is a key of clients
}

// unranked is the rank of what no value has told yet.
const unranked = 255

// newKeyedJSON returns a Parser of JSON lines. Entries of keys, ROLE=KEY, name
// further keys and win over the built-in ones; ROLE is client, request, status
// or time. A number as time stamp, an epoch, has its date in loc. An error is a
// *JSONKeyError.
func newKeyedJSON(loc *time.Location, keys []string) (*jsonParser, error) {
	return newJSONWith(loc, Options{JSONKeys: keys})
}

func newJSONWith(loc *time.Location, opt Options) (*jsonParser, error) {
	all, err := withUserKeys(opt.JSONKeys)
	if err != nil {
		return nil, err
	}
	asked, _ := appendKeyName(nil, []byte(opt.Client))
	j := &jsonParser{jsonConfig: jsonConfig{loc: loc, keys: all, opt: opt, clientKey: string(asked)}}
	j.member = j.visit
	return j, nil
}

// newWrappedJSON returns a Parser as newJSON does, of lines that may stand inside of
// what a log service wrote around them, perhaps another JSON line.
func newWrappedJSON(loc *time.Location, opt Options) (Parser, error) {
	outer, err := newJSONWith(loc, opt)
	if err != nil {
		return nil, err
	}
	inner, err := newJSONWith(loc, opt)
	if err != nil {
		return nil, err
	}
	w := &wrapped{line: inner.Parse, json: outer}
	outer.inner.parse = w.parseInner
	return w, nil
}

// Parse implements Parser.
func (j *jsonParser) Parse(line []byte, out *Line) bool {
	out.reset()
	if j.wasLong {
		j.parser, j.tokens, j.patched, j.inner.text = fastjson.Parser{}, nil, nil, nil
	}
	// fastjson makes an 80-byte value of every two bytes such as "1,".
	j.wasLong = len(line) > maxKept

	var odd, ok bool
	if j.tokens, odd, ok = appendJSONTokens(j.tokens[:0], line); !ok {
		return false
	}
	text := line
	if odd {
		j.patched = appendPatched(j.patched[:0], line, j.tokens)
		text = j.patched
	}
	v, err := j.parser.ParseBytes(text)
	if err != nil || v.Type() != fastjson.TypeObject {
		return false
	}
	j.begin(line, out)
	j.rest = j.tokens
	j.shape.values, j.shape.names = j.shape.values[:0], j.shape.names[:0]
	j.value(v, key{})
	if j.mismatch || len(j.rest) > 0 {
		return false
	}
	j.learn(odd)
	return j.finish()
}

// begin begins with a line, of which nothing is known.
func (j *jsonParser) begin(line []byte, out *Line) {
	j.line, j.out = line, out
	j.mismatch, j.header, j.query, j.fromLine = false, false, nil, false
	j.clients, j.inner.unread, j.inner.read, j.inner.uncertain, j.ofClient, j.unfit = false, false, false, false, false, false
	for i := range j.rank {
		j.rank[i] = unranked
	}
	j.listRank = unranked
}

// finish is called when all values were taken, and reports whether the line says what
// belongs to a known format.
func (j *jsonParser) finish() bool {
	out := j.out
	if j.inner.read && !(j.inner.uncertain && j.clients) {
		j.takeInner()
		return true
	}
	j.finishTarget()
	if out.Client >= 0 && j.listRank != unranked {
		out.Peer, out.Client, out.Through = out.Client, j.list, j.listEnd
	}
	// A text that is the whole line of a server may hold its client.
	return !j.inner.wrapper && (!j.inner.unread || j.clients)
}

// visit is called for each member of an object.
func (j *jsonParser) visit(name []byte, v *fastjson.Value) {
	t, ok := j.nextToken('"', name)
	if !ok {
		return
	}
	j.emit(Text, t)
	var httpPrefix bool
	j.name, httpPrefix = appendKeyName(j.name[:0], name)
	k, ok := j.keys[string(j.name)]
	if !ok {
		k.kind = kindOf(j.keys, j.name)
		if j.ofClient && isHostKey(j.name) {
			k = key{Client, useClient, rankRemote}
		}
	}
	if k.rank != rankUser {
		// Headers are the client's: none of them is the line's time, status or
		// request. But http_status and http_request are also what some call the
		// server's own, where there is no better.
		switch {
		case k.use == useClient && (httpPrefix || j.header):
			k.rank = max(k.rank, rankHeader)
		case j.header, httpPrefix && k.use == useTime:
			k.use = useNone
		case httpPrefix:
			k.rank += rankPrefixed
		}
	}
	header, ofClient := j.header, j.ofClient
	j.header = header || bytes.HasSuffix(j.name, []byte("headers"))
	j.ofClient = isClient(k.kind) || string(j.name) == "source"
	j.value(v, k)
	j.header, j.ofClient = header, ofClient
}

// isHostKey knows the keys of objects such as client and source in the Elastic Common
// Schema.
func isHostKey(name []byte) bool {
	switch string(name) {
	case "address", "domain", "host", "hostname", "name":
		return true
	}
	return false
}

// value takes the tokens of v, the value of a key k or an element of it.
func (j *jsonParser) value(v *fastjson.Value, k key) {
	switch v.Type() {
	case fastjson.TypeObject:
		v.GetObject().Visit(j.member)
	case fastjson.TypeArray:
		for _, e := range v.GetArray() {
			j.value(e, k)
		}
	case fastjson.TypeString:
		s := v.GetStringBytes()
		if t, ok := j.nextToken('"', s); ok {
			j.note(k, t)
			j.str(s, k, t)
		}
	case fastjson.TypeNumber:
		if t, ok := j.nextToken('0', nil); ok && !t.isDash(j.line) {
			j.note(k, t)
			j.number(k, t)
		}
	case fastjson.TypeTrue:
		j.literal('t', k)
	case fastjson.TypeFalse:
		j.literal('f', k)
	case fastjson.TypeNull:
		j.nextToken('n', nil)
	}
}

// take returns the next token, which must be of the given kind and, if a
// string, decode to s. Decoding only shortens: equal lengths are equal bytes.
func (j *jsonParser) nextToken(kind byte, s []byte) (jsonToken, bool) {
	if j.mismatch || len(j.rest) == 0 || j.rest[0].kind != kind {
		j.mismatch = true
		return jsonToken{}, false
	}
	t := j.rest[0]
	j.rest = j.rest[1:]
	if kind != '"' {
		return t, true
	}
	raw := j.line[t.start:t.end]
	if len(s) == len(raw) {
		j.mismatch = !bytes.Equal(s, raw)
	} else {
		j.mismatch = len(s) > len(raw) || bytes.IndexByte(raw, '\\') < 0
	}
	return t, !j.mismatch
}

// emit adds the field of a string.
func (j *jsonParser) emit(kind Kind, t jsonToken) {
	if t.start < t.end {
		j.out.add(kind, t.start, t.end)
	}
}

// str adds a string value, s when decoded, and what it tells.
func (j *jsonParser) str(s []byte, k key, t jsonToken) {
	j.clients = j.clients || isClient(k.kind)
	switch hasValue := len(s) > 0 && string(s) != "-"; k.use {
	case useLine:
		if hasValue && !j.inner.read {
			if j.inner.read = j.inner.parse != nil && j.addInner(t); j.inner.read {
				return
			}
			j.inner.unread = true
		}
	case useText:
		if hasValue && !j.inner.read && j.inner.parse != nil && bytes.IndexByte(s, '[') >= 0 && j.addInner(t) {
			if in := &j.inner.within; in.Error || in.Client >= 0 && in.Target != nil {
				j.inner.read, j.inner.uncertain = true, true
				return
			}
			j.out.Fields = j.out.Fields[:j.inner.first]
		}
	case useClient:
		if hasValue {
			j.setClient(k)
		}
	case useTarget:
		j.setTarget(s, k)
	case useQuery:
		if hasValue && j.better(k) {
			j.query = s
		}
	default:
		// Told from end to end, and without escapes, it holds no address.
		if n := j.setNumeric(s, k); n > 0 && n == t.end-t.start {
			k.kind = Plain
		}
	}
	j.emit(k.kind, t)
}

// addInner adds the fields of the line that a string is, if it is one of a known
// format, where they stand in it.
func (j *jsonParser) addInner(t jsonToken) bool {
	raw := j.line[t.start:t.end]
	j.inner.text = appendJSONText(j.inner.text[:0], raw)
	text := bytes.TrimSuffix(j.inner.text, []byte("\n"))
	if bytes.IndexByte(text, '\n') >= 0 || !j.inner.parse(text, &j.inner.within) {
		return false
	}
	first := len(j.out.Fields)
	at, pos := 0, 0 // in raw, and in the text
	for _, f := range j.inner.within.Fields {
		start, end := 0, 0
		start, pos = jsonOffset(raw, at, pos, f.Start)
		end, pos = jsonOffset(raw, start, pos, f.End)
		// Quotes around a pseudonym would have to be escaped.
		if at = end; pos != f.End || f.Bare {
			j.out.Fields = j.out.Fields[:first]
			return false
		}
		j.out.add(f.Kind, t.start+start, t.start+end)
	}
	j.inner.first = first
	return true
}

// takeInner takes what the line inside this one tells. Its time is the server's, and
// the other one that of the log service.
func (j *jsonParser) takeInner() {
	in, out := &j.inner.within, j.out
	out.Status, out.Target, out.Error, out.Inside = in.Status, in.Target, in.Error, true
	if out.Client, out.Peer = in.Client, in.Peer; in.Client >= 0 {
		out.Client += j.inner.first
	}
	if in.Peer >= 0 {
		out.Peer, out.Through = in.Peer+j.inner.first, in.Through+j.inner.first
	}
	if in.HasDay {
		out.Day, out.HasDay = in.Day, true
	}
}

// number adds a number where an address was expected: 3232235777 is
// 192.168.1.1.
func (j *jsonParser) number(k key, t jsonToken) {
	j.setNumeric(j.line[t.start:t.end], k)
	if isClient(k.kind) {
		j.clients = true
		if k.use == useClient {
			j.setClient(k)
		}
		j.emitBare(t)
	}
}

// literal takes true or false, which are no address either, but whatever is not
// understood in the place of one is replaced.
func (j *jsonParser) literal(kind byte, k key) {
	if t, ok := j.nextToken(kind, nil); ok && isClient(k.kind) {
		j.unfit = true
		j.emitBare(t)
	}
}

func (j *jsonParser) emitBare(t jsonToken) {
	j.out.Fields = append(j.out.Fields, Field{Kind: Client, Bare: true, Start: t.start, End: t.end})
}

// setClient notes that the next field is a client.
func (j *jsonParser) setClient(k key) {
	at := len(j.out.Fields)
	if !j.opt.Proxies {
		if j.better(k) {
			j.out.Client = at
		}
		return
	}
	list := k.rank >= rankHeader || k.rank == rankUser && k.kind == ClientList
	if j.clientKey != "" {
		if header := list; string(j.name) == j.clientKey {
			list = true
		} else if header {
			return
		}
	}
	if !list {
		if k.rank != rankUser {
			k.rank = rankHeader - k.rank // the remote address is that of who asked
		}
		if j.better(k) {
			j.out.Client = at
		}
		return
	}
	switch {
	case k.rank < j.listRank:
		j.list, j.listEnd, j.listRank = at, at, k.rank
	case k.rank == j.listRank && j.listEnd == at-1:
		j.listEnd = at // of an array: a header that came twice
	}
}

// setNumeric takes a status or a time stamp and returns how many bytes of s
// it is, 0 for none.
func (j *jsonParser) setNumeric(s []byte, k key) int {
	switch k.use {
	case useStatus:
		n, ok := number(s)
		if !ok || len(s) != 3 || n < 100 {
			return 0
		}
		if j.better(k) {
			j.out.Status = n
		}
		return 3
	case useTime:
		d, n := parseTime(s, j.loc)
		if n > 0 && j.better(k) {
			j.out.Day, j.out.HasDay = d, true
		}
		return n
	}
	return 0
}

// setTarget takes a request line or what is a target by itself. A request line
// beats the rest, then what has a query beats what has none.
func (j *jsonParser) setTarget(s []byte, k key) {
	target, full := requestTarget(s)
	if target == nil {
		return
	}
	prefixed := k.rank / rankPrefixed * rankPrefixed
	switch {
	case k.rank == rankUser:
	case full:
		k.rank = prefixed + 1
	case bytes.IndexByte(target, '?') >= 0:
		k.rank += 1
	default:
		k.rank += 10
	}
	if j.better(k) {
		j.out.Target, j.fromLine = target, full
	}
}

// finishTarget gives the target the query that stands under a key of its own
// ("uri":"%U","query":"%q"), and the bytes that httpd wrote as \xhh, which
// fastjson leaves as they are. A real backslash before xhh cannot be told from
// it any more, and only ever changes the sender's own target.
func (j *jsonParser) finishTarget() {
	t := j.out.Target
	if t == nil {
		return
	}
	decoded := appendUnhexed(j.out.decoded[:0], t) // fastjson's memory serves the next line
	if !j.fromLine && j.query != nil && bytes.IndexByte(t, '?') < 0 {
		if j.query[0] != '?' {
			decoded = append(decoded, '?')
		}
		decoded = appendUnhexed(decoded, j.query)
	}
	j.out.Target, j.out.decoded = decoded, decoded
}

// appendUnhexed appends s with \xhh replaced by the byte.
func appendUnhexed(dst, s []byte) []byte {
	if bytes.IndexByte(s, '\\') < 0 {
		return append(dst, s...)
	}
	for i := 0; i < len(s); i++ {
		if s[i] == '\\' && i+3 < len(s) && s[i+1] == 'x' {
			hi, lo := hexDigit(s[i+2]), hexDigit(s[i+3])
			if hi < 16 && lo < 16 {
				dst = append(dst, hi<<4|lo)
				i += 3
				continue
			}
		}
		dst = append(dst, s[i])
	}
	return dst
}

// hexDigit is the value of c, 255 for no hex digit.
func hexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// better reports whether k is the best so far of its use, and notes it.
func (j *jsonParser) better(k key) bool {
	if k.rank >= j.rank[k.use] {
		return false
	}
	j.rank[k.use] = k.rank
	return true
}
