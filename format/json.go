package format

import (
	"bytes"
	"time"

	"github.com/valyala/fastjson"
)

// jsonParser is the Parser of lines that are one JSON object each: what Apache writes with a
// LogFormat made of JSON, nginx with escape=json, and Caddy. It finds values by their keys, at
// any depth. All strings become fields, keys too, but numbers only where an address is expected.
//
// fastjson decodes and validates a copy of the line. The spans come from the line itself, so
// that whatever is not replaced keeps its bytes: Apache has its own escapes (server/util.c,
// ap_escape_logitem), and \xc3 is not JSON. If the two readings differ, the line is malformed.
type jsonParser struct {
	jsonConfig
	parser  fastjson.Parser
	member  func(name []byte, v *fastjson.Value) // j.visit, bound once so that a line allocates nothing
	tokens  []jsonToken
	patched []byte // a line from httpd, made valid JSON
	name    []byte
	wasLong bool // the last line was a long one

	jsonShapesSeen
	inner jsonService
	jsonLine
}

// jsonConfig is what a parser looks for.
type jsonConfig struct {
	loc       *time.Location
	keys      map[string]key
	opt       Options
	clientKey string // opt.Client, normalized like the keys
}

// jsonShapesSeen holds the shapes of earlier lines, see ParseFast.
type jsonShapesSeen struct {
	shapes [jsonShapes]jsonShape
	latest int       // index of the newest shape
	shape  jsonShape // of the current line, as far as it is read
	unfit  bool      // the current line has no shape
}

// jsonService reads a line inside the JSON of a log service, and holds what it found.
type jsonService struct {
	parse   func(line []byte, out *Line) bool // nil: lines are never nested
	wrapper bool                              // every line comes from a log service
	within  Line
	text    []byte // the nested line, without JSON's escapes

	unread    bool // the service's text has an unknown format
	read      bool // it has a known format,
	first     int  // its fields begin here,
	uncertain bool // under a key that can hold other texts
}

// jsonLine is the state of the current line.
type jsonLine struct {
	line     []byte
	out      *Line
	rest     []jsonToken // tokens that fastjson has not reached
	mismatch bool
	header   bool // inside an object of headers
	ofClient bool // inside an object that is a client
	jsonFound
}

// jsonFound is what the values of a line have given so far.
type jsonFound struct {
	rank     [useLine + 1]uint8
	listRank uint8 // of the fields that a proxy names, for opt.Proxies
	list     int
	listEnd  int
	query    []byte
	fromLine bool // out.Target comes from a full request line
	clients  bool // the line has a key of clients
}

// unranked is the rank of a use that no value has served yet.
const unranked = 255

// newKeyedJSON returns a Parser of JSON lines. keys are entries ROLE=KEY that add to the
// built-in keys and take precedence over them; ROLE is client, request, status or time. Numeric
// time stamps are epochs, dated in loc. An error is a *JSONKeyError.
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

// newWrappedJSON returns a Parser like newJSONWith, of lines that a log service may have
// wrapped, perhaps in another JSON line.
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
	// fastjson needs an 80-byte value for every two bytes such as "1,".
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

// begin resets the state for a line.
func (j *jsonParser) begin(line []byte, out *Line) {
	j.line, j.out = line, out
	j.mismatch, j.header, j.query, j.fromLine = false, false, nil, false
	j.clients, j.inner.unread, j.inner.read, j.inner.uncertain, j.ofClient, j.unfit = false, false, false, false, false, false
	for i := range j.rank {
		j.rank[i] = unranked
	}
	j.listRank = unranked
}

// finish completes the line after its last value. It reports false if the line is not of a known
// format.
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
	// A text that is a server's whole line may hold its client.
	return !j.inner.wrapper && (!j.inner.unread || j.clients)
}

// visit handles one member of an object.
func (j *jsonParser) visit(name []byte, v *fastjson.Value) {
	t, ok := j.nextToken('"', name)
	if !ok {
		return
	}
	j.emit(Text, t)
	var httpPrefix bool
	j.name, httpPrefix = appendKeyName(j.name[:0], name)
	k := lookUp(j.keys, j.name, j.ofClient)
	if k.rank != rankUser {
		// A client sends headers, so none of them is the line's time, status or request. But
		// some formats also call the server's own values http_status and http_request; those
		// count if there is nothing better.
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

// isHostKey reports whether a key names a host within an object such as client or source of the
// Elastic Common Schema.
func isHostKey(name []byte) bool {
	switch string(name) {
	case "address", "domain", "host", "hostname", "name":
		return true
	}
	return false
}

// value consumes the tokens of v, which is the value of key k or an element of it.
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

// nextToken returns the next token, which must be of the given kind and, for a string, decode to
// s. Decoding only shortens, so texts of equal length must be equal.
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

// emit adds a string's field.
func (j *jsonParser) emit(kind Kind, t jsonToken) {
	if t.start < t.end {
		j.out.add(kind, t.start, t.end)
	}
}

// str adds a string value, decoded in s, and records what it means.
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
		// Read from end to end, and without escapes, it holds no address.
		if n := j.setNumeric(s, k); n > 0 && n == t.end-t.start {
			k.kind = Plain
		}
	}
	j.emit(k.kind, t)
}

// addInner adds the fields of the nested line that a string holds. It reports false if that has
// no known format.
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
		// The quotes around a pseudonym would need escapes.
		if at = end; pos != f.End || f.Bare {
			j.out.Fields = j.out.Fields[:first]
			return false
		}
		j.out.add(f.Kind, t.start+start, t.start+end)
	}
	j.inner.first = first
	return true
}

// takeInner makes the nested line's values those of the line. Its time is the server's; the
// outer one is the log service's.
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

// number handles a number. Where an address is expected, it becomes a field: 3232235777 is
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

// literal handles true or false. Neither is an address, but in the place of one, anything
// unknown is replaced.
func (j *jsonParser) literal(kind byte, k key) {
	if t, ok := j.nextToken(kind, nil); ok && isClient(k.kind) {
		j.unfit = true
		j.emitBare(t)
	}
}

func (j *jsonParser) emitBare(t jsonToken) {
	j.out.Fields = append(j.out.Fields, Field{Kind: Client, Bare: true, Start: t.start, End: t.end})
}

// setClient records that the next field is a client.
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
			k.rank = rankHeader - k.rank // prefer the remote address: it is the peer's
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
		j.listEnd = at // an array: a header that came twice
	}
}

// setNumeric reads a status or a time stamp and returns how many bytes of s it covers, 0 for
// none.
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

// setTarget reads a request line or a bare target. A request line beats everything else, then a
// target with a query beats one without.
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

// finishTarget appends to the target a query under its own key ("uri":"%U","query":"%q"), and
// decodes the bytes that httpd wrote as \xhh, which fastjson leaves alone. A real backslash
// before xhh looks the same by now; it can only change the target of the client that sent it.
func (j *jsonParser) finishTarget() {
	t := j.out.Target
	if t == nil {
		return
	}
	decoded := appendUnhexed(j.out.decoded[:0], t) // a copy, since fastjson reuses its memory
	if !j.fromLine && j.query != nil && bytes.IndexByte(t, '?') < 0 {
		if j.query[0] != '?' {
			decoded = append(decoded, '?')
		}
		decoded = appendUnhexed(decoded, j.query)
	}
	j.out.Target, j.out.decoded = decoded, decoded
}

// appendUnhexed appends s with each \xhh replaced by its byte.
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

// hexDigit returns the value of a hexadecimal digit, 255 for any other byte.
func hexDigit(c byte) byte {
	switch {
	case c-'0' <= 9:
		return c - '0'
	case c|0x20 >= 'a' && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 255
}

// better reports whether k is the best key so far for its use, and records it if so.
func (j *jsonParser) better(k key) bool {
	if k.rank >= j.rank[k.use] {
		return false
	}
	j.rank[k.use] = k.rank
	return true
}
