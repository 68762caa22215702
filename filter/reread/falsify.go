package reread

import (
	"bytes"
	crand "crypto/rand"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// Person identifies the lines of one person in a day of one directory: those with one of the
// addresses as a client, or with the text as the user name.
type Person struct {
	Addrs []pseudonym.Addr // as lines of the day have them
	User  []byte           // nil: by address
}

// span is line[start:end].
type span struct{ start, end int }

// Falsifier finds the lines of a person, and overwrites them with lines of nobody that have the
// same length in bytes and the same form. It is for one goroutine, one day and one directory.
type Falsifier struct {
	// Taken reports whether an address already occurs in the lines as somebody else's. Such an
	// IPv4 address is not chosen as a replacement. If Taken is nil, any may be chosen.
	Taken func(pseudonym.Addr) bool

	parsers []format.Parser // in the order in which they are tried
	ciphers []*pseudonym.Cipher
	who     Person
	plain   [][]byte          // the canonical texts of who.Addrs
	made    map[string][]byte // the replacement of each address, by its text
	random  *rand.Rand
	by      format.Parser // the parser that read the line
	line    format.Line
	names   []string
	struck  format.Line // the overwritten line
	was     []byte      // the line before its texts were struck
}

// NewFalsifier returns a Falsifier for lines that were written with the ciphers. It tries the
// parsers in order, and then the formats that are detected automatically.
func NewFalsifier(parsers []format.Parser, ciphers []*pseudonym.Cipher, who Person) (*Falsifier, error) {
	f := &Falsifier{parsers: slices.Clone(parsers), ciphers: ciphers, who: who, made: map[string][]byte{}}
	if !slices.ContainsFunc(parsers, func(p format.Parser) bool { _, auto := p.(*format.Auto); return auto }) { // there may be lines of other formats too
		p, err := format.New("auto", time.Local, nil)
		if err != nil {
			return nil, err
		}
		f.parsers = append(f.parsers, p)
	}
	for _, a := range who.Addrs {
		f.plain = append(f.plain, a.AppendTo(nil))
	}
	var seed [32]byte
	crand.Read(seed[:])
	f.random = rand.New(rand.NewChaCha8(seed))
	return f, nil
}

// Is reports whether a line, without its newline, is one of the user's. If it is not, known is
// false for a line of an unknown format or of an error log, which names users in its messages.
func (f *Falsifier) Is(line []byte) (is, known bool) {
	if !f.parse(line) {
		return false, false
	}
	for i := range f.line.Fields {
		if f.isUser(i, line) {
			return true, true
		}
	}
	return false, !f.line.Error
}

// Falsify overwrites a line of the person, without its newline, in place. whole is false if
// only addresses were overwritten, because the format is unknown or the line would no longer
// have that format.
func (f *Falsifier) Falsify(line []byte) (whole bool) {
	spans := f.find(line)
	known := f.parse(line)
	theirs := known && (f.who.User != nil || f.isClient(spans))
	if theirs && f.who.User != nil {
		spans = f.clients(line)
	}
	for _, s := range spans {
		text := line[s.start:s.end]
		if bytes.ContainsAny(text, `%\`) {
			strikeText(text)
		} else {
			copy(text, f.another(text))
		}
	}
	if !theirs {
		return known
	}
	f.was = append(f.was[:0], line...)
	for _, strike := range []func([]byte){strikeText, strikeQuoted} {
		for i := range f.line.Fields {
			f.strike(i, line, strike)
		}
		if f.isAsBefore(line) {
			return true
		}
		copy(line, f.was)
	}
	return false
}

// isAsBefore reports whether an overwritten line has the same fields as before.
func (f *Falsifier) isAsBefore(line []byte) bool {
	if !f.by.Parse(line, &f.struck) || len(f.struck.Fields) != len(f.line.Fields) || f.struck.Client != f.line.Client {
		return false
	}
	for i := range f.line.Fields {
		was, is := &f.line.Fields[i], &f.struck.Fields[i]
		if was.Start != is.Start || was.End != is.End || was.Role != is.Role {
			return false
		}
	}
	return true
}

func (f *Falsifier) parse(line []byte) bool {
	for _, p := range f.parsers {
		if f.by = p; p.Parse(line, &f.line) {
			f.names = format.FieldNames(p, line, &f.line)
			return true
		}
	}
	return false
}

// userKeys are names of fields that hold a user without the role for it: keys of JSON lines,
// and names in lines that a service wrapped in JSON.
var userKeys = []string{"user", "remote_user", "user_id", "username", "clientusername", "text"}

func (f *Falsifier) isUser(i int, line []byte) bool {
	field := &f.line.Fields[i]
	if field.Role != format.RoleUser && !(field.Role == format.RoleOther && field.Kind == format.Text && slices.Contains(userKeys, strings.ToLower(f.names[i]))) {
		return false
	}
	text := line[field.Start:field.End]
	if bytes.Equal(text, f.who.User) {
		return true
	}
	plain, _ := format.Unescaped(text, nil)
	return bytes.Equal(plain, f.who.User)
}

// find returns where in a line the person's addresses are, nil if the person is a user.
func (f *Falsifier) find(line []byte) (found []span) {
	if f.who.User != nil {
		return nil
	}
	guard.Pseudonyms(line, func(start, end int, a pseudonym.Addr) {
		if slices.Contains(f.who.Addrs, a) {
			found = append(found, span{start, end})
		}
	})
	for _, plain := range f.plain { // glued to a name, see pseudonym.IsGlued
		for at := 0; at < len(line); {
			i := bytes.Index(line[at:], plain)
			if i < 0 {
				break
			}
			s := span{at + i, at + i + len(plain)}
			at = s.end
			if !pseudonym.IsGlued(line[s.start:], plain) || slices.ContainsFunc(found, func(o span) bool { return s.start < o.end && o.start < s.end }) {
				continue
			}
			found = append(found, s)
		}
	}
	return found
}

// isClient reports whether one of the spans is in a client field.
func (f *Falsifier) isClient(spans []span) bool {
	return slices.ContainsFunc(f.line.Fields, func(field format.Field) bool {
		return holdsClients(&field) && slices.ContainsFunc(spans, func(s span) bool { return field.Start <= s.start && s.end <= field.End })
	})
}

func holdsClients(f *format.Field) bool {
	return f.Role == format.RoleClient || f.Kind == format.Client || f.Kind == format.ClientList || f.Kind == format.Forwarded
}

// clients returns where in a line's client fields the addresses are. It overwrites client
// fields without an address, which hold a name in clear.
func (f *Falsifier) clients(line []byte) (found []span) {
	for i := range f.line.Fields {
		field := &f.line.Fields[i]
		if !holdsClients(field) {
			continue
		}
		text := line[field.Start:field.End]
		n := len(found)
		guard.Pseudonyms(text, func(start, end int, _ pseudonym.Addr) {
			found = append(found, span{field.Start + start, field.Start + end})
		})
		if len(found) == n { // a name in clear
			strikeWords(text)
		}
	}
	return found
}

// kept are names of fields that reveal nothing about a person: a policy's event, and in JSON
// lines what servers, and services that wrap their lines, write.
var kept = []string{"%{event}e", "level", "logger", "msg", "stream", "host", "method", "proto", "protocol", "request_method", "server_protocol", "time", "ts", ""}

// strike overwrites a field of a person's line: user, URL, referrer, user agent or another
// text. It overwrites messages with prose.
func (f *Falsifier) strike(i int, line []byte, prose func([]byte)) {
	field := &f.line.Fields[i]
	text := line[field.Start:field.End]
	switch {
	case field.Kind == format.Plain, field.Bare, field.Joined, holdsClients(field) && field.Role != format.RoleIdentity,
		len(text) == 0, string(text) == "-", slices.Contains(kept, f.names[i]):
		return
	}
	switch field.Role {
	case format.RoleHost, format.RoleLevel, format.RoleModule, format.RoleMethod, format.RoleProtocol:
		return
	case format.RoleQuery:
		strikeQuery(text)
		return
	}
	switch {
	case isHash(text):
		f.randomHex(text[1:])
	case field.Kind == format.Request:
		method, target, _, ok := format.SplitRequest(text)
		switch colon := bytes.LastIndexByte(target, ':'); {
		case !ok:
			strikeURL(text)
		case string(method) == "CONNECT" && colon > 0:
			strikeHost(target[:colon])
		default:
			strikeURL(target)
		}
	case field.Kind == format.URL && guard.IsProse(text):
		prose(text)
	case field.Kind == format.URL:
		strikeURL(text)
	default:
		strikeText(text)
	}
}

// isHash reports whether a text is a hash that pseudonym.Cipher.AppendHash wrote.
func isHash(text []byte) bool {
	return len(text) == 17 && text[0] == 'h' && len(bytes.Trim(text[1:], "0123456789abcdef")) == 0
}

// strikeText overwrites a text with x, except for blanks around it, which a parser may need.
func strikeText(text []byte) {
	if text = bytes.Trim(text, " "); string(text) == "-" {
		return
	}
	for i := range text {
		text[i] = 'x'
	}
}

// strikeQuoted overwrites the quoted texts and the URLs in a message with x. It keeps the words
// around them, by which parsers find the client.
func strikeQuoted(text []byte) {
	for at := 0; ; {
		quoted := bytes.SplitAfterN(text[at:], []byte{'"'}, 3)
		if len(quoted) < 3 {
			break
		}
		inside := quoted[1][:len(quoted[1])-1]
		strikeText(inside)
		at += len(quoted[0]) + len(quoted[1])
	}
	for word := range bytes.FieldsSeq(text) {
		if bytes.Contains(word, []byte("://")) || word[0] == '/' {
			strikeURL(word)
		}
	}
}

// strikeWords overwrites only letters and digits with x.
func strikeWords(text []byte) {
	for i, c := range text {
		if '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'z' || c >= 0x80 {
			text[i] = 'x'
		}
	}
}

// strikeHost is strikeWords for a host that must remain one. It overwrites the colons of an
// IPv6 address without brackets as well.
func strikeHost(host []byte) {
	strikeWords(host)
	for i, c := range host {
		if c == ':' && host[0] != '[' {
			host[i] = 'x'
		}
	}
}

// strikeURL overwrites a URL with one that has the same length: /xxx, https://xxx/ or *, which
// a policy's treatments do not change.
func strikeURL(text []byte) {
	if string(text) == "*" {
		return
	}
	if text[0] == '/' {
		strikeText(text[1:])
		return
	}
	at := bytes.Index(text, []byte("://"))
	if at <= 0 || bytes.ContainsAny(text[:at], "/?# ") {
		strikeText(text)
		return
	}
	rest := text[at+len("://"):]
	if n := len(rest); n > 1 && rest[n-1] == '/' {
		rest = rest[:n-1]
	}
	strikeText(rest)
}

// strikeQuery overwrites the values of a query in a field of its own, ?a=b, with x. It keeps
// their names, which are a policy's or the application's.
func strikeQuery(text []byte) {
	for _, pair := range bytes.FieldsFunc(text, func(r rune) bool { return r == '&' || r == ';' || r == '?' }) {
		strikeText(pair[bytes.IndexByte(pair, '=')+1:])
	}
}

func (f *Falsifier) randomHex(text []byte) {
	for i := range text {
		text[i] = "0123456789abcdef"[f.random.IntN(16)]
	}
}

// Bounds of the search for a replacement, in guesses. Of networks, one in some ten thousand
// fits; of pseudonyms one in about 800, or none if one under pfx has few digits.
const (
	maxNetworks   = 1 << 17
	maxPseudonyms = 1 << 14
)

// another returns the text that replaces an address. It has the same length, and is the same
// all day. A plausible address's pseudonym replaces a pseudonym, another name's that of a name,
// another network a network, and an address that nobody has one in clear. If there is no other
// network, it returns text.
func (f *Falsifier) another(text []byte) []byte {
	if made := f.made[string(text)]; made != nil {
		return made
	}
	was, _ := pseudonym.ParseAddr(text)
	canonical := string(was.AppendTo(nil)) == string(text)
	likes, maxGuesses := f.like(was)
	fixed := 0 // how many bytes of the text stay
	if was.IsName() {
		fixed = bytes.Index(text, []byte("::")) + len("::")
	}
	made := bytes.Clone(text)
	found := false
	for _, will := range likes {
		for n := 0; !found && n < maxGuesses; n++ {
			f.randomise(made[fixed:])
			a, ok := pseudonym.ParseAddr(made)
			found = ok && a != was && (!canonical || string(a.AppendTo(nil)) == string(made)) && will(a) &&
				(f.Taken == nil || !a.Is4() || !f.Taken(a))
		}
	}
	if !found && len(likes) > 1 { // mask=0/0 leaves one network
		return text
	}
	f.made[string(text)] = made
	return made
}

// like returns the tests for a replacement of was: if no address passes the first, the second
// is tried. maxGuesses bounds the search for each.
func (f *Falsifier) like(was pseudonym.Addr) (likes []func(pseudonym.Addr) bool, maxGuesses int) {
	if was.IsName() {
		return []func(pseudonym.Addr) bool{pseudonym.Addr.IsName}, maxNetworks
	}
	for _, c := range f.ciphers {
		if c.IsMasked(was) { // a network: its replacement is masked alike
			return []func(pseudonym.Addr) bool{
				func(a pseudonym.Addr) bool { return c.IsMasked(a) && a.IsAllocated() },
				c.IsMasked,
			}, maxNetworks
		}
	}
	var by *pseudonym.Cipher
	for _, c := range f.ciphers {
		real, ok := c.Reveal(was)
		if !ok || was.Is4() && !c.Keeps4() {
			continue
		}
		if by == nil { // unless another fits, the address is made up
			by = c
		}
		if real.IsClient() {
			by = c
			break
		}
	}
	if by == nil {
		return []func(pseudonym.Addr) bool{pseudonym.Addr.IsReserved}, maxNetworks
	}
	return []func(pseudonym.Addr) bool{func(a pseudonym.Addr) bool {
		real, ok := by.Reveal(a)
		return ok && real.IsAllocated()
	}}, maxPseudonyms
}

// randomise replaces the digits in the text of an address by random ones.
func (f *Falsifier) randomise(text []byte) {
	for i := 0; i < len(text); {
		if text[i] == ':' || text[i] == '.' {
			i++
			continue
		}
		end := i
		for end < len(text) && text[end] != ':' && text[end] != '.' {
			end++
		}
		decimal := end < len(text) && text[end] == '.' || i > 0 && text[i-1] == '.'
		switch group := text[i:end]; {
		case !decimal:
			// A last group of digits alone may be read as a port.
			port := end == len(text)
			was := allDigits(group)
			for again := true; again; again = port && allDigits(group) != was {
				f.randomHex(group)
				group[0] = "123456789abcdef"[f.random.IntN(15)]
			}
		case len(group) == 1:
			group[0] = byte('0' + f.random.IntN(10))
		default:
			low := []int{10, 100}[len(group)-2]
			n := low + f.random.IntN(min(low*10, 256)-low)
			for k := len(group) - 1; k >= 0; k, n = k-1, n/10 {
				group[k] = byte('0' + n%10)
			}
		}
		i = end
	}
}

func allDigits(text []byte) bool { return len(bytes.Trim(text, "0123456789")) == 0 }
