package filter

import (
	"bytes"
	"strings"

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
	inStamp // a digit or the first letter of a weekday, which a time stamp can begin with
	inEscape
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case '0' <= c && c <= '9':
			t[c] = inDigit | inHex | inName | inStamp
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			t[c] = inHex | inName
		case 'g' <= c && c <= 'z', 'G' <= c && c <= 'Z', c == '_', c == '-', c == '+':
			t[c] = inName
		case c == '.':
			t[c] = inSep | inName
		case c == ':':
			t[c] = inSep
		case c == '%', c == '\\':
			t[c] = inEscape
		}
	}
	for _, c := range []byte("SMTWF") {
		t[c] |= inStamp
	}
	return t
}()

// guard rewrites the texts of one line under one day's cipher, within the bounds
// that begin set.
type guard struct {
	bounds
	cipher *dayCipher
	named  client // the last client by a host name
	first  client // the first one in a list

	decodedRun
	spare decodedRun // takes its place in a second reading
	low   []byte     // scratch for the redacted names

	brokenLine
}

// brokenLine is what is known of a malformed line.
type brokenLine struct {
	quoted *quotedTexts // nil: all is read, the plain reference
	known  []knownSpan  // of its texts, by position
	stamps []foundStamp // in it, see appendStamps
	names  names
	nth    int    // of names.all, which comes next
	at     int    // where in it a text stands that is appended
	text   []byte // the line without its NUL bytes, if it had any
	raw    []byte // what was not kept yet of the line with them; nil: it has none
	rawAt  int    // where in text that begins
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
	at := nextStop(text, 0, stopRun|stopEscape|stopDashed)
	if at == len(text) {
		return append(dst, text...)
	}
	if bytes.IndexByte(text[at:], '%') >= 0 || bytes.IndexByte(text[at:], '\\') >= 0 {
		return g.appendEscaped(dst, text, as, false)
	}
	if text[at] == '-' {
		return g.appendRaw(dst, text, as)
	}
	return g.appendFrom(dst, text, as, at)
}

// What nextStop can stop at. While it reads a run, it counts its dots in the
// lowest four bits and its colons in the next, so that the third dot and the
// second colon each set the highest bit of their four; the third dash among digits
// sets that of the last four.
const (
	stopRun    = 8 | 8<<4 // enough separators for an address
	stopEscape = 1 << 8
	stopSecret = 1 << 9 // a name before it, or a user, may be one
	stopDashed = 8 << 10
	noRun      = 8 - 3 | (8-2)<<4 | noDashes
	noDashes   = (8 - 3) << 10
)

// steps says for each byte which bits of the state stay (the upper half) and
// what is added (the lower half).
var steps = func() (t [256]uint32) {
	for c := range t {
		t[c] = noRun
		switch {
		case class[c]&inDigit != 0:
			t[c] = 0xffff << 16
		case class[c]&(inHex|inSep) != 0:
			t[c] = 0xff<<16 | noDashes
		}
	}
	t['-'] = (0xf<<10)<<16 | noRun&^noDashes + 1<<10
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
		if as == agentText && isVersion(text, start, end) || isQualified(text, start, end) {
			continue
		}
		run := text[start:end]
		for a := findAddr(run); a.end > 0; a = nextAddr(run, a.end) {
			from := escapeStart(text, start+a.start)
			dst = g.appendPlain(dst, text[kept:from])
			kept = start + a.end
			if dst = g.appendFound(dst, run[a.start:a.end], a, kept-from); g.spent() {
				return dst
			}
		}
	}
	return g.appendPlain(dst, text[kept:])
}

// appendEscaped is appendText for a text with %XX or \u00XX escapes. It reads
// them as the bytes that they stand for; what it keeps is read once more as it
// is written, since a percent sign may also be just that. Where one escape has a
// part in another, what it keeps is read with each decoded once, too: in
// %2%37.0.2.1 some see %27, and some 7.0.2.1 or 27.0.2.1.
func (g *guard) appendEscaped(dst, text []byte, as care, once bool) []byte {
	kept, nested := 0, false
	for i := 0; i < len(text); {
		raw := i
		if text[i] != '%' && text[i] != '\\' {
			if raw = nextStop(text, i, stopRun|stopEscape); raw == len(text) {
				break
			}
		}
		if class[text[raw]]&inSep == 0 && !mayUnescape(text, raw) {
			i = raw + 1 // it ends a run that has too few separators, if any
			continue
		}
		for raw > i && class[text[raw-1]]&(inHex|inSep) != 0 {
			raw--
		}
		dots, colons, escapes := 0, 0, false
		width := 1
		for i = raw; i < len(text); i += width {
			c := text[i]
			if width = 1; (c == '%' || c == '\\') && mayUnescape(text, i) {
				if once {
					c, width = unescapeOne(text[i:])
				} else {
					c, width, _ = unescapeLong(text[i:])
				}
				nested = nested || width > 3 && isNested(text[i:i+width])
			}
			if class[c]&(inHex|inSep) == 0 {
				break
			}
			escapes = escapes || width > 1
			switch c {
			case '.':
				dots++
			case ':':
				colons++
			}
		}
		end := i
		i += width // of what ends the run
		if dots < 3 && colons < 2 || as == agentText && !escapes && isVersion(text, raw, end) {
			continue
		}
		g.decode(text, raw, end, once)
		for a := findAddr(g.run); a.end > 0; a = nextAddr(g.run, a.end) {
			start := escapeStart(text, g.pos[a.start])
			dst = g.appendKept(dst, text[kept:start], as, nested)
			kept = g.pos[a.end]
			if dst = g.appendFound(dst, g.run[a.start:a.end], a, kept-start); g.spent() {
				return dst
			}
		}
	}
	return g.appendKept(dst, text[kept:], as, nested)
}

// decode takes text[start:end] into g.run and g.pos.
func (g *guard) decode(text []byte, start, end int, once bool) {
	g.run, g.pos = g.run[:0], g.pos[:0]
	for i := start; i < end; {
		c, width := text[i], 1
		if (c == '%' || c == '\\') && mayUnescape(text, i) {
			if once {
				c, width = unescapeOne(text[i:])
			} else {
				c, width, _ = unescapeLong(text[i:])
			}
		}
		g.run, g.pos = append(g.run, c), append(g.pos, i)
		i += width
	}
	g.pos = append(g.pos, end)
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

// appendFound appends the pseudonym of an address in the place of so many bytes
// of a text.
func (g *guard) appendFound(dst, run []byte, a found, width int) []byte {
	if !g.affords(width) || g.found == 0 || !a.exact && len(run) > maxName {
		g.strikes--
		return append(dst, struck...)
	}
	g.found--
	start := len(dst)
	if a.exact {
		g.work -= g.cipher.Cost(a.addr)
		dst = g.cipher.appendFound(dst, run, a.addr)
	} else {
		g.work -= pseudonym.NameCost(len(run))
		dst = g.cipher.AppendName(dst, run)
	}
	g.growth -= len(dst) - start - width
	return dst
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
	if c = text[0]; c != '%' && c != '\\' || !mayUnescape(text, 0) {
		return c, 1
	}
	c, width, _ = unescapeLong(text)
	return c, width
}

// mayUnescape reports false for most bytes text[i] that are no escape to
// unescapeLong: a client may write nothing but percent signs, and each is looked at by
// all that reads escapes.
func mayUnescape(text []byte, i int) bool {
	if len(text)-i < 5 {
		return true
	}
	b := (*[5]byte)(text[i:])
	return escapes[0][b[0]]&escapes[1][b[1]]&escapes[2][b[2]]&escapes[3][b[3]]&escapes[4][b[4]] != 0
}

// escapes says for each of the first five bytes of an escape of which kinds it can
// be, by one bit each. What a hexadecimal digit is escaped as, %41 or \u0041, has a
// 3, 4 or 6 there, and %25 is an escape only where it goes on.
var escapes = func() (t [5][256]uint16) {
	const hex = "0123456789abcdefABCDEF"
	for bit, kind := range [][5]string{
		{"%", "013456789abcdefABCDEF", hex},
		{"%", "2", "012346789abcdefABCDEF"},
		{"%", "2", "5", hex, hex + `%\`},
		{"%", "2", "5", "%", "346"},
		{"%", "2", "5", `\`, "u"},
		{"%", hex, "%", "346", hex},
		{"%", "%", "346", hex},
		{"%", hex, `\`, "u"},
		{"%", `\`, "u"},
		{`\`, "u", "0", "0", hex},
	} {
		for i, bytes := range kind {
			for c := range 256 {
				if bytes == "" || strings.IndexByte(bytes, byte(c)) >= 0 {
					t[i][c] |= 1 << bit
				}
			}
		}
	}
	return t
}()

// unescapeLong decodes %XX and the \u00XX of JSON. What comes out may be part
// of a further %XX, as in %252E, %25%32%45 and %2\u0045 for a dot; layers says
// how often it was percent-encoded, 0 for what was not.
func unescapeLong(text []byte) (c byte, width, layers int) {
	// Most escapes are plain ones, or none.
	switch c = text[0]; {
	case c == '\\':
		if len(text) < 6 || text[1] != 'u' {
			return c, 1, 0
		}
	case c == '%':
		for k := 1; ; k += 2 {
			if k+1 >= len(text) {
				return c, 1, 0
			}
			hi, lo := nibble[text[k]], nibble[text[k+1]]
			if hi|lo == notHex {
				if !mayBeDigit(text[k:]) || hi != notHex && !mayBeDigit(text[k+1:]) {
					return c, 1, 0
				}
				break
			}
			if h := hi<<4 | lo; h != '%' {
				return h, k + 2, (k + 1) / 2
			}
		}
	default:
		return c, 1, 0
	}
	return unescapeNested(text)
}

// mayBeDigit reports whether a text may begin with a digit of %XX, see unescapeDigit.
func mayBeDigit(text []byte) bool {
	switch {
	case len(text) == 0:
		return false
	case text[0] == '%' && len(text) >= 3:
		hi, lo := nibble[text[1]], nibble[text[2]]
		return hi|lo != notHex && nibble[hi<<4|lo] != notHex
	}
	return nibble[text[0]] != notHex || text[0] == '\\'
}

// unescapeNested is unescapeLong for any text.
func unescapeNested(text []byte) (c byte, width, layers int) {
	c, width = text[0], 1
	if c == '\\' {
		c, width = unescapeOne(text)
	}
	if c != '%' {
		return c, width, 0
	}
	for k := width; k < len(text); {
		hi, n, deepHi := unescapeDigit(text[k:])
		if k += n; k >= len(text) || hi == notHex {
			break
		}
		lo, n, deepLo := unescapeDigit(text[k:])
		k += n
		if lo == notHex {
			break
		}
		layers = max(layers, deepHi, deepLo) + 1
		if h := hi<<4 | lo; h != '%' {
			return h, k, layers
		}
	}
	return c, width, 0
}

// unescapeDigit reads the value of a digit of %XX, which may be an escape itself.
func unescapeDigit(text []byte) (value byte, width, layers int) {
	c := text[0]
	if c != '%' && c != '\\' {
		return nibble[c], 1, 0
	}
	d, width := unescapeOne(text)
	if c == '%' && width > 1 {
		layers = 1
	}
	return nibble[d], width, layers
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
	h, l := nibble[hi], nibble[lo]
	return h<<4 | l, h|l != notHex
}

// nibble is the value of each hexadecimal digit, notHex for any other byte.
var nibble = func() (t [256]uint8) {
	for i := range t {
		switch c := byte(i); {
		case '0' <= c && c <= '9':
			t[i] = c - '0'
		case 'a' <= c|0x20 && c|0x20 <= 'f':
			t[i] = c | 0x20 - 'a' + 10
		default:
			t[i] = notHex
		}
	}
	return t
}()

// notHex has all bits, so that it stays in an or.
const notHex = 0xff

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
	dots, colons, double := 0, 0, false
	for i, c := range run[start:end] {
		switch c {
		case '.':
			dots++
		case ':':
			colons++
			double = double || i > 0 && run[start+i-1] == ':'
		}
	}
	// A time of day has none of this.
	if colons == end-start || dots < 3 && colons < 7 && !double {
		return found{}
	}
	if a, ok := pseudonym.ParseAddr(run[start:end]); ok {
		return found{start, end, a, true}
	}
	// An IPv6 address, its last two groups dotted perhaps, and more beside it.
	if colons >= 7 || colons == 6 && dots >= 3 || double {
		return found{start, end, pseudonym.Addr{}, false}
	}
	return findDotted(run, start, end)
}

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
