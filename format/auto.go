package format

import (
	"bytes"
	"time"

	"hushpipe/format/machine"
)

// Auto is a Parser that detects the format of each line from the line alone: JSON, the error
// log, ssl_request_log, or combined and common, with or without a virtual host next to the
// client, with a forwarded list in place of the client, and with more fields at the end. Each
// may be wrapped by a log service, see wrapperLen.
//
// Auto trusts no virtual host: in a format that it does not know, the value could be an address.
type Auto struct {
	json     *jsonParser
	nested   *jsonParser // JSON lines inside JSON lines
	errorLog errorLog
	// by virtual host (none, name, name and port), common, combined or main
	access [3][3]*LogFormat
	ssl    *LogFormat
	opt    Options
	last   *LogFormat // of the last parsed line, nil if it was not of an access log
}

var (
	autoHosts   = [...]string{"", "%v ", "%v:%p "}
	autoFormats = [...]string{isCommon: commonFormat, isCombined: combinedFormat, isMain: mainFormat}
)

func newAuto(loc *time.Location, opt Options) (*Auto, error) {
	a := &Auto{opt: opt}
	var err error
	if a.json, err = newJSONWith(loc, opt); err != nil {
		return nil, err
	}
	if a.nested, err = newJSONWith(loc, opt); err != nil {
		return nil, err
	}
	a.json.inner.parse = a.parseInner
	compile := func(format string) (p *LogFormat) {
		if err == nil {
			if p, err = Compile(format, loc); err == nil {
				p.distrustOwn()
			}
		}
		return p
	}
	for i, host := range autoHosts {
		for j, format := range autoFormats {
			a.access[i][j] = compile(host + format)
		}
	}
	a.ssl = compile(sslRequestFormat)
	return a, err
}

// The formats with two numbers behind the request.
const (
	isCommon = iota
	isCombined
	isMain
)

// tailOf returns which of them a line with these delimiters can be.
func tailOf(m *machine.Delimiters) int {
	switch m.N {
	case 6:
		return isCombined
	case 8:
		return isMain
	}
	return isCommon
}

// Parse implements Parser.
func (a *Auto) Parse(line []byte, out *Line) bool {
	if n := wrapperLen(line); n > 0 && a.parse(line[n:], a.json, out) {
		out.shift(n)
		return true
	}
	return a.parse(line, a.json, out)
}

// parseInner reads a line inside a JSON line.
func (a *Auto) parseInner(line []byte, out *Line) bool {
	n := wrapperLen(line)
	if !a.parse(line[n:], a.nested, out) {
		return false
	}
	out.shift(n)
	return true
}

// parse reads a line that has no wrapper.
func (a *Auto) parse(line []byte, json *jsonParser, out *Line) bool {
	if len(line) == 0 {
		return false
	}
	a.last = nil
	switch line[0] {
	case '{':
		return json.Parse(line, out)
	case '[':
		if a.errorLog.Parse(line, out) {
			return true
		}
	case '1', '2':
		if len(line) > 4 && line[4] == '/' && a.errorLog.Parse(line, out) {
			return true
		}
	}
	if !a.parseAccess(line, out) {
		return false
	}
	switch {
	case a.opt.Client != "": // only JSON names its fields
		clearClient(line, out)
	case a.opt.Proxies:
		findPeer(line, out)
	}
	return true
}

// clearClient leaves out without a client that is counted.
func clearClient(line []byte, out *Line) {
	if out.Client >= 0 {
		if f := &out.Fields[out.Client]; bytes.IndexByte(line[f.Start:f.End], ',') >= 0 {
			f.Kind = ClientList
		}
	}
	out.Client = -1
}

// findPeer finds the list of clients behind the peer's field in a line of an access log: the
// first quoted text that is a list and ends with an address. If a list takes the place of the
// client, the line does not name its peer.
func findPeer(line []byte, out *Line) {
	if out.Client < 0 {
		return
	}
	peer := out.Fields[out.Client]
	if bytes.IndexByte(line[peer.Start:peer.End], ',') >= 0 {
		clearClient(line, out)
		return
	}
	for i := out.Client + 1; i < len(out.Fields); i++ {
		f := &out.Fields[i]
		if f.Kind != ClientList {
			continue
		}
		v := line[f.Start:f.End]
		if isAddr, _ := readHost(v[bytes.LastIndexAny(v, ", ")+1:]); isAddr {
			out.Peer, out.Client, out.Through = out.Client, i, i
			return
		}
	}
}

// parseAccess reads a line of an access log that is not JSON.
func (a *Auto) parseAccess(line []byte, out *Line) bool {
	if line[0] == '[' {
		// No host, protocol or cipher has a quote.
		quote := bytes.IndexByte(line, '"')
		if _, ok := parseCLF(line[1:]); ok {
			if quote < 1 || line[quote-1] != ' ' {
				return false
			}
			end, _, ok := furtherStart(line, 1)
			a.last = a.ssl
			return ok && a.ssl.parse(line[:end], out) && addFurther(line, end, out)
		}
	}
	end, tail, ok := furtherStart(line, 2)
	if !ok {
		return false
	}
	host, first := hosts(line)
	a.last = a.access[host][tail]
	if !a.last.parse(line[:end], out) {
		a.last = a.access[0][tail]
		if host == 0 || !a.access[0][tail].parse(line[:end], out) {
			return false
		}
		return addFurther(line, end, out)
	}
	client := &out.Fields[out.Client]
	switch v := line[client.Start:client.End]; {
	case first:
		client.Kind = Client // either of two host names can be the client's
		if _, port := readHost(v); isServerPort(port) {
			client.Kind = URL
		}
		out.Fields[0].Kind, out.Client = Client, 0
		out.Fields[0].Role, client.Role = RoleClient, RoleHost
	case !looksLikeAddress(v):
		// A name without a server's port can be a client's too.
		if _, port := readHost(line[:bytes.IndexByte(line, ' ')]); !isServerPort(port) {
			out.Fields[0].Kind = Client
		}
	case line[0] == '[' && !looksLikeAddress(line[:out.Fields[0].End]):
		out.Fields[0].Kind = Client // a header in brackets, not a virtual host
	}
	return addFurther(line, end, out)
}

// ParseFast implements FastParser.
func (a *Auto) ParseFast(line []byte, m *machine.Delimiters, out *Line) bool {
	if len(line) == 0 || line[0] == '[' || a.opt.Client != "" || a.opt.Proxies {
		return false
	}
	if line[0] == '{' {
		return a.json.ParseFast(line, m, out)
	}
	tail := tailOf(m)
	if !a.access[0][tail].ParseFast(line, m, out) {
		host, first := hosts(line)
		if host == 0 || first || !a.access[host][tail].ParseFast(line, m, out) {
			return false
		}
		client := &out.Fields[out.Client]
		if !looksLikeAddress(line[client.Start:client.End]) {
			return false // only Parse finds out whose name it is
		}
	}
	if tail == isMain {
		last := &out.Fields[len(out.Fields)-1]
		last.Kind = furtherKind(line[last.Start:last.End])
	}
	return true
}

// ParseFastAll implements FastAllParser, for lines without a virtual host.
func (a *Auto) ParseFastAll(line []byte, m *machine.Delimiters, out *Line) bool {
	if len(line) == 0 || line[0] == '{' || line[0] == '[' || a.opt.Client != "" || a.opt.Proxies {
		return false
	}
	tail := tailOf(m)
	if !a.access[0][tail].ParseFastAll(line, m, out) {
		return false
	}
	if tail == isMain {
		last := &out.Fields[len(out.Fields)-1]
		*last = Field{Kind: furtherKind(line[last.Start:last.End]), Start: last.Start, End: last.End}
	}
	return true
}

// hosts finds out from the first two words whether the line begins with %v (1), %v:%p (2) or
// neither (0), and whether the first of two words is the client:
//
//	NAME[:P] ADDRESS[:P]            the second
//	ADDRESS[:P] NAME[:P]            the first, but not in ADDRESS:443 NAME
//	ADDRESS:P ADDRESS               the first, if P is not a server's port
//	ADDRESS ADDRESS                 the second
//	NAME[:P] NAME                   the second
//	HOST[:443] HOST, HOST…          the list
//	ADDRESS ADDRESS:443             the first, since the second has a server's port
//	NAME[:P] NAME:443               the first, if P is not a server's port
//
// A list of clients ends at the first word without a comma behind it, and belongs to one client.
func hosts(line []byte) (host int, first bool) {
	i := bytes.IndexByte(line, ' ')
	if i < 0 || bytes.HasPrefix(line[i:], []byte(identless)) {
		return 0, false // the second word is the identity, which is no longer used
	}
	one, two := line[:i], line[i+1:]
	if bytes.IndexByte(one, ',') >= 0 {
		return 0, false
	}
	if end := bytes.IndexByte(two, ' '); end >= 0 {
		two = two[:end]
	}
	isAddr, port := readHost(one)
	if comma := bytes.IndexByte(two, ','); comma >= 0 && (port < 0 || isServerPort(port)) {
		if port < 0 { // the list is the second word
			return 1, false
		}
		return 2, false
	}
	isAddr2, port2 := readHost(two)
	switch own, own2 := isServerPort(port), isServerPort(port2); {
	case isAddr && !isAddr2:
		first = !own || port2 >= 0
	case isAddr && port >= 0:
		first = !own
	case isAddr == isAddr2:
		first = own2 && !own
	}
	if first || port < 0 {
		return 1, first
	}
	return 2, false
}

// readHost reports whether a word is an address rather than a name, and returns its port, -1 for
// none.
func readHost(word []byte) (isAddr bool, port int) {
	host := word
	port = -1
	if at := bytes.LastIndexByte(word, ':'); at > 0 && (word[at-1] == ']' || bytes.IndexByte(word, ':') == at) {
		n, ok := number(word[at+1:])
		if !ok || len(word)-at > len(":65535") {
			return false, -1
		}
		host, port = word[:at], n
	}
	if len(host) > 2 && host[0] == '[' && host[len(host)-1] == ']' {
		return bytes.Count(host, []byte(":")) >= 2 && looksLikeAddress(host), port
	}
	if bytes.IndexByte(host, ':') >= 0 {
		return looksLikeAddress(host), port
	}
	return isQuad(host), port
}

// isQuad reports whether b has the shape of an IPv4 address.
func isQuad(b []byte) bool {
	dots, digits := 0, 0
	for _, c := range b {
		switch {
		case c == '.' && digits > 0:
			dots, digits = dots+1, 0
		case c-'0' <= 9 && digits < 3:
			digits++
		default:
			return false
		}
	}
	return dots == 3 && digits > 0
}

// isServerPort reports whether servers listen on a port. Clients' ports are above 1024.
func isServerPort(port int) bool {
	return port >= 0 && port < 1024 || port == 8080 || port == 8443
}

// furtherStart returns where the fields of common, combined or ssl_request_log end, which have
// that many numbers behind the request, and whether it is common or combined. Without such
// numbers, end is the end of the line, before a carriage return. It reports false for a line
// that cannot hold a request.
func furtherStart(line []byte, numbers int) (end, tail int, ok bool) {
	end = lineEnd(line)
	line = line[:end]
	if end > 0 && line[end-1] == '"' {
		tail = isCombined
	}
	q := nextQuote(line, 0, 0)
	if q > 0 && line[q-1] == ' ' && bytes.HasPrefix(line[q:], []byte(`"" [`)) { // an empty user
		q = nextQuote(line, q+2, q+2)
	}
	if q < 0 || numbers == 2 && !bytes.HasSuffix(line[:q], []byte("] ")) {
		return end, tail, false
	}
	pos := nextQuote(line, q+1, q+1) + 1
	if pos == 0 {
		return end, tail, false
	}
	for range numbers {
		n := -1
		if pos+1 < end && line[pos] == ' ' {
			n = numberEnd(line, pos+1)
		}
		if n < 0 {
			return end, tail, true
		}
		pos = n
	}
	if pos < end && line[pos] != ' ' {
		return end, tail, true
	}
	if numbers == 2 {
		if agent := quotedEnd(line, quotedEnd(line, pos)); agent > 0 {
			return agent, isCombined, true
		}
	}
	return pos, isCommon, true
}

// lineEnd returns the length of a line without its trailing carriage return.
func lineEnd(line []byte) int {
	if n := len(line); n > 0 && line[n-1] == '\r' {
		return n - 1
	}
	return len(line)
}

// quotedEnd returns the end of the quoted value behind a space at line[pos], -1 for none.
func quotedEnd(line []byte, pos int) int {
	if pos < 0 || pos+1 >= len(line) || line[pos] != ' ' || line[pos+1] != '"' {
		return -1
	}
	if end := nextQuote(line, pos+2, pos+2); end >= 0 {
		return end + 1
	}
	return -1
}

// addFurther adds the fields from line[pos] to the end of the line: numbers, perhaps with a
// unit, "-", and quoted texts. It reports false for anything else.
func addFurther(line []byte, pos int, out *Line) bool {
	line = line[:lineEnd(line)]
	for pos < len(line) {
		if end := quotedEnd(line, pos); end > 0 {
			out.add(furtherKind(line[pos+2:end-1]), pos+2, end-1)
			pos = end
			continue
		}
		n := 0
		if line[pos] == ' ' {
			n = furtherNumber(line[pos+1:])
		}
		if n == 0 {
			return false
		}
		out.add(Plain, pos+1, pos+1+n)
		pos += 1 + n
	}
	return true
}

// furtherNumber returns the length of the number or "-" that is the first word of b: 17, -1,
// 0.005, or 5ms as in Traefik. It returns 0 for any other word.
func furtherNumber(b []byte) int {
	word := b
	if end := bytes.IndexByte(b, ' '); end >= 0 {
		word = b[:end]
	}
	rest := bytes.TrimPrefix(word, []byte("-"))
	if len(rest) == 0 {
		return len(word)
	}
	n := digits(rest)
	if n == 0 || len(rest) > 2*maxDigits {
		return 0
	}
	if rest = rest[n:]; len(rest) > 1 && rest[0] == '.' {
		if n = digits(rest[1:]); n == 0 {
			return 0
		}
		rest = rest[1+n:]
	}
	switch string(rest) {
	case "", "s", "ms", "us":
		return len(word)
	}
	return 0
}

// furtherKind returns the kind of a further quoted value: a list of clients, which nginx's main
// has behind the user agent, or else URL.
func furtherKind(v []byte) Kind {
	hosts, word := false, 0
	for i := 0; i <= len(v); i++ {
		if i < len(v) && serverNameBytes[v[i]] {
			continue
		}
		if i < len(v) && v[i] != ',' || i == word {
			return URL
		}
		isAddr, _ := readHost(v[word:i])
		hosts = hosts || isAddr || isHostName(v[word:i])
		if i+1 < len(v) && v[i+1] == ' ' {
			i++
		}
		word = i + 1
	}
	if hosts {
		return ClientList
	}
	return URL
}

// isHostName reports whether letters follow the last dot of v, as in host names but not in
// numbers and versions.
func isHostName(v []byte) bool {
	at := bytes.LastIndexByte(v, '.')
	if at < 1 || len(v)-at < len(".de") {
		return false
	}
	for _, c := range v[at+1:] {
		if c|0x20 < 'a' || c|0x20 > 'z' {
			return false
		}
	}
	return true
}
