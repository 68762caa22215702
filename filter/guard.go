package filter

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/machine"
)

// The leak guard replaces every address that stands in a text, at its
// position. It looks at runs: the longest stretches of hexadecimal digits, dots
// and colons. A run that is an address, with a port or punctuation around it
// perhaps, is replaced by that address's pseudonym. A run in which an address
// stands beside other digits, so that nobody can tell where it begins, is
// replaced whole. "::" alone names nobody and stays.

const (
	inDigit = 1 << iota
	inHex   // a hexadecimal digit, decimal ones included
	inSep   // dot or colon
	inName  // may stand in a product name of a user agent
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case '0' <= c && c <= '9':
			t[c] = inDigit | inHex | inName
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			t[c] = inHex | inName
		case 'g' <= c && c <= 'z', 'G' <= c && c <= 'Z', c == '_', c == '-', c == '+':
			t[c] = inName
		case c == '.':
			t[c] = inSep | inName
		case c == ':':
			t[c] = inSep
		}
	}
	return t
}()

// guard rewrites the texts of one line under one day's cipher.
type guard struct {
	cipher *pseudonym.Cipher
	named  pseudonym.Known // the last client by a host name
	first  pseudonym.Known // the first one in a list

	decodedRun
	spare decodedRun // takes its place in a second reading
	low   []byte     // scratch for the redacted names
}

// decodedRun is a run without its escapes.
type decodedRun struct {
	run []byte
	pos []int // for each byte of run, and its end, the offset in the text
}

// care says how closely the guard looks.
type care uint8

const (
	plainText  care = iota
	agentText       // a user agent: versions written as Name/1.2.3.4 stay
	brokenText      // of a malformed line: whatever could be a piece of an address goes
)

// appendText appends text with its addresses replaced.
func (g *guard) appendText(dst, text []byte, as care) []byte {
	if as == brokenText {
		return g.appendBroken(dst, text)
	}
	if machine.IsSimple(text, '%') {
		return append(dst, text...) // there is no stop
	}
	at := nextStop(text, 0, stopRun|stopEscape)
	if bytes.IndexByte(text[at:], '%') >= 0 || bytes.IndexByte(text[at:], '\\') >= 0 {
		return g.appendEscaped(dst, text, as, false)
	}
	return g.appendFrom(dst, text, as, at)
}

// What nextStop can stop at. While it reads a run, it counts its dots in the
// lowest four bits and its colons in the next, so that the third dot and the
// second colon each set the highest bit of their four.
const (
	stopRun    = 8 | 8<<4 // enough separators for an address
	stopEscape = 1 << 8
	stopSecret = 1 << 9 // a name before it, or a user, may be one
	noRun      = 8 - 3 | (8-2)<<4
)

// steps says for each byte which bits of the state stay (the upper half) and
// what is added (the lower half).
var steps = func() (t [256]uint32) {
	for c := range t {
		t[c] = noRun
		if class[c]&(inHex|inSep) != 0 {
			t[c] = 0xffff << 16
		}
	}
	t['.'] += 1
	t[':'] += 1 << 4
	t['%'] += stopEscape
	t['\\'] += stopEscape
	t['='] += stopSecret
	t['@'] += stopSecret
	return t
}()

// nextStop returns where in text[from:] it first meets one of stops, len(text)
// for nowhere. Most texts have none: there is no branch to mispredict.
func nextStop(text []byte, from int, stops uint32) int {
	state := uint32(noRun)
	for i := from; i < len(text); i++ {
		step := steps[text[i]]
		state = state&(step>>16) + step&0xffff
		if state&stops != 0 {
			return i
		}
	}
	return len(text)
}

// appendRaw is appendText for a text in which every byte means itself.
func (g *guard) appendRaw(dst, text []byte, as care) []byte {
	return g.appendFrom(dst, text, as, nextStop(text, 0, stopRun))
}

// appendFrom is appendRaw for a text with its first stop at i.
func (g *guard) appendFrom(dst, text []byte, as care, i int) []byte {
	kept := 0
	for ; i < len(text); i = nextStop(text, i, stopRun) {
		start, end := i, i
		for start > kept && class[text[start-1]]&(inHex|inSep) != 0 {
			start--
		}
		for end < len(text) && class[text[end]]&(inHex|inSep) != 0 {
			end++
		}
		i = end
		if as == agentText && isVersion(text, start, end) {
			continue
		}
		run := text[start:end]
		for a := findAddr(run); a.end > 0; a = nextAddr(run, a.end) {
			dst = append(dst, text[kept:escapeStart(text, start+a.start)]...)
			dst = g.appendFound(dst, run[a.start:a.end], a)
			kept = start + a.end
		}
	}
	return append(dst, text[kept:]...)
}

var dot, colon = []byte{'.'}, []byte{':'}

// appendEscaped is appendText for a text with %XX or \u00XX escapes. It reads
// them as the bytes that they stand for; what it keeps is read once more as it
// is written, since a percent sign may also be just that. Where one escape has a
// part in another, what it keeps is read with each decoded once, too: in
// %2%37.0.2.1 some see %27, and some 7.0.2.1 or 27.0.2.1.
func (g *guard) appendEscaped(dst, text []byte, as care, once bool) []byte {
	kept, nested := 0, false
	for i := 0; i < len(text); {
		c, width := unescapeAs(text[i:], once)
		nested = nested || width > 3 && isNested(text[i:i+width])
		if class[c]&(inHex|inSep) == 0 {
			i += width
			continue
		}
		raw := i
		g.run, g.pos = g.run[:0], g.pos[:0]
		dots, colons, escapes := 0, 0, false
		for i < len(text) {
			c, width = unescapeAs(text[i:], once)
			if class[c]&(inHex|inSep) == 0 {
				break
			}
			switch c {
			case '.':
				dots++
			case ':':
				colons++
			}
			escapes = escapes || width > 1
			nested = nested || width > 3 && isNested(text[i:i+width])
			g.run, g.pos = append(g.run, c), append(g.pos, i)
			i += width
		}
		g.pos = append(g.pos, i)
		if dots < 3 && colons < 2 || as == agentText && !escapes && isVersion(text, raw, i) {
			continue
		}
		for a := findAddr(g.run); a.end > 0; a = nextAddr(g.run, a.end) {
			dst = g.appendKept(dst, text[kept:escapeStart(text, g.pos[a.start])], as, nested)
			dst = g.appendFound(dst, g.run[a.start:a.end], a)
			kept = g.pos[a.end]
		}
	}
	return g.appendKept(dst, text[kept:], as, nested)
}

// appendKept appends what a reading of escapes left of a text.
func (g *guard) appendKept(dst, text []byte, as care, nested bool) []byte {
	if !nested {
		return g.appendRaw(dst, text, as)
	}
	g.decodedRun, g.spare = g.spare, g.decodedRun
	dst = g.appendEscaped(dst, text, as, true)
	g.decodedRun, g.spare = g.spare, g.decodedRun
	return dst
}

// isNested reports whether an escape has another one inside.
func isNested(escape []byte) bool {
	return bytes.IndexByte(escape[1:], '%') >= 0 || bytes.IndexByte(escape[1:], '\\') >= 0
}

func (g *guard) appendFound(dst, run []byte, a found) []byte {
	if a.exact {
		return g.cipher.AppendAddr(dst, a.addr)
	}
	return g.cipher.AppendName(dst, run)
}

// escapeStart returns where the replacing of an address at text[at:] begins:
// there, or where an escape with a backslash begins that would lose its end, as
// the \b of \b::1, the \xc3 of \xc3::1 or the \u005D of \u005D::.
func escapeStart(text []byte, at int) int {
	i := at
	for i > 0 && at-i < len("00D") && class[text[i-1]]&inHex != 0 {
		i--
	}
	switch {
	case i >= 2 && (text[i-1] == 'u' || text[i-1] == 'x' && at-i < len("c3")) && text[i-2] == '\\':
		i -= 2
	case at >= 1 && text[at-1] == '\\':
		i = at - 1
	default:
		return at
	}
	if escapeLen(text[:i]) == 1 {
		return at
	}
	return i
}

// escapeLen is the length of what a backslash behind text belongs to: of an
// escape such as \n, two bytes, or of the second backslash of \\, one.
func escapeLen(text []byte) int {
	before := len(text) - len(bytes.TrimRight(text, `\`))
	return 2 - before%2
}

// unescape returns the byte that text begins with and how many bytes of text
// it takes, see unescapeLong.
func unescape(text []byte) (c byte, width int) {
	if c = text[0]; c != '%' && c != '\\' {
		return c, 1
	}
	c, width, _ = unescapeLong(text)
	return c, width
}

// unescapeAs is unescape, or unescapeOne.
func unescapeAs(text []byte, once bool) (c byte, width int) {
	if once {
		return unescapeOne(text)
	}
	return unescape(text)
}

// unescapeLong decodes %XX and the \u00XX of JSON. What comes out may be part
// of a further %XX, as in %252E, %25%32%45 and %2\u0045 for a dot; layers says
// how often it was percent-encoded, 0 for what was not.
func unescapeLong(text []byte) (c byte, width, layers int) {
	c, width = text[0], 1
	if c == '\\' {
		c, width = unescapeOne(text)
	}
	if c != '%' {
		return c, width, 0
	}
	for k := width; k < len(text); {
		hi, n, deepHi := unescapeDigit(text[k:])
		if k += n; k >= len(text) {
			break
		}
		lo, n, deepLo := unescapeDigit(text[k:])
		k += n
		h, ok := unhex(hi, lo)
		if !ok {
			break
		}
		layers = max(layers, deepHi, deepLo) + 1
		if h != '%' {
			return h, k, layers
		}
	}
	return c, width, 0
}

// unescapeDigit reads a digit of %XX, which may be an escape itself.
func unescapeDigit(text []byte) (c byte, width, layers int) {
	c, width = unescapeOne(text)
	if text[0] == '%' && width > 1 {
		layers = 1
	}
	return c, width, layers
}

// unescapeOne decodes one escape, once.
func unescapeOne(text []byte) (c byte, width int) {
	switch {
	case text[0] == '%' && len(text) >= 3:
		if h, ok := unhex(text[1], text[2]); ok {
			return h, 3
		}
	case text[0] == '\\' && len(text) >= 6 && text[1] == 'u' && text[2] == '0' && text[3] == '0':
		if h, ok := unhex(text[4], text[5]); ok {
			return h, 6
		}
	}
	return text[0], 1
}

func unhex(hi, lo byte) (byte, bool) {
	if class[hi]&class[lo]&inHex == 0 {
		return 0, false
	}
	return hexVal(hi)<<4 | hexVal(lo), true
}

func hexVal(c byte) byte {
	if c <= '9' {
		return c - '0'
	}
	return c&0xf + 9
}

// isVersion reports whether text[start:end], digits and dots, is the version of
// a product in a user agent, as in Chrome/124.0.0.0 (RFC 9110, 10.1.5): right
// behind a name and a slash, the name behind a blank, a quote or an opening
// bracket, so that the path of a URL is none.
func isVersion(text []byte, start, end int) bool {
	for _, c := range text[start:end] {
		if class[c]&inDigit == 0 && c != '.' {
			return false
		}
	}
	slash := start - 1
	if slash < 1 || text[slash] != '/' {
		return false
	}
	name := slash
	for name > 0 && class[text[name-1]]&inName != 0 {
		name--
	}
	if name == slash || class[text[name]]&inDigit != 0 {
		return false
	}
	if name == 0 {
		return true
	}
	switch text[name-1] {
	case ' ', '(', ';', ',', '"', '\n':
		return true
	}
	return false
}

// found is an address in a run: run[start:end], end 0 for none. Where exact is
// false there is one, but the run does not tell where it begins or ends.
type found struct {
	start, end int
	addr       pseudonym.Addr
	exact      bool
}

// findAddr returns the first address of a run of hexadecimal digits, dots and
// colons.
func findAddr(run []byte) found {
	start, end := 0, len(run)
	for start < end && run[start] == '.' || start+1 < end && run[start] == ':' && run[start+1] != ':' {
		start++
	}
	for start < end && run[end-1] == '.' || start < end-1 && run[end-1] == ':' && run[end-2] != ':' {
		end--
	}
	core := run[start:end]
	colons := bytes.Count(core, colon)
	if colons == len(core) {
		return found{}
	}
	if a, ok := pseudonym.ParseAddr(core); ok {
		return found{start, end, a, true}
	}
	// An IPv6 address, its last two groups dotted perhaps, and more beside it.
	if colons >= 7 || colons == 6 && bytes.Count(core, dot) >= 3 || bytes.Contains(core, doubleColon) {
		return found{start, end, pseudonym.Addr{}, false}
	}
	return findDotted(run, start, end)
}

var doubleColon = []byte("::")

// nextAddr returns the next address of a run, behind one that ends at from. An
// IPv6 address takes its whole run, so that only dotted quads follow.
func nextAddr(run []byte, from int) found {
	return findDotted(run, from, len(run))
}

// findDotted looks for dotted quads in run[start:end], which holds no IPv6
// address. Digits and dots stand between colons and letters.
func findDotted(run []byte, start, end int) found {
	for i := start; i < end; i++ {
		if class[run[i]]&inDigit == 0 {
			continue
		}
		from := i
		for i < end && (class[run[i]]&inDigit != 0 || run[i] == '.') {
			i++
		}
		to := i
		for run[to-1] == '.' {
			to--
		}
		if a, ok := pseudonym.ParseAddr(run[from:to]); ok {
			return found{from, to, a, true}
		}
		if hasQuad(run[from:to]) {
			return found{from, to, pseudonym.Addr{}, false}
		}
	}
	return found{}
}

// hasQuad reports whether four numbers of a row of dotted ones could be an
// address: too many numbers, leading zeros, or digits glued to its ends.
func hasQuad(row []byte) bool {
	groups, n, val := 0, 0, 0
	for i := 0; i <= len(row); i++ {
		if i < len(row) && row[i] != '.' {
			n++
			val = min(val*10+int(row[i]-'0'), 1<<16)
			continue
		}
		switch {
		case n == 0:
			groups = 0
		case n <= 3 && val <= 255:
			groups++
		case groups >= 3:
			return true // 1.2.3.4567 may be 1.2.3.45 and more
		default:
			groups = 1 // as the last digits of a longer number, the first of a quad
		}
		if groups >= 4 {
			return true
		}
		n, val = 0, 0
	}
	return false
}
