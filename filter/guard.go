package filter

import (
	"bytes"

	"hushpipe/filter/pseudonym"
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

	run []byte // a run with its escapes decoded
	pos []int  // for each byte of run, and its end, the offset in the text
	low []byte // scratch for the redacted names
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
	at := nextStop(text, 0, stopRun|stopEscape)
	if bytes.IndexByte(text[at:], '%') >= 0 || bytes.IndexByte(text[at:], '\\') >= 0 {
		return g.appendEscaped(dst, text, as)
	}
	return g.appendFrom(dst, text, as, at)
}

// What nextStop can stop at. While it reads a run, it counts its dots in the
// lowest four bits and its colons in the next, so that the third dot and the
// second colon each set the highest bit of their four.
const (
	stopRun    = 8 | 8<<4 // enough separators for an address
	stopEscape = 1 << 8
	stopEqual  = 1 << 9
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
	t['='] += stopEqual
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
		for start < end {
			a := findAddr(text[start:end])
			if a.end == 0 {
				break
			}
			dst = append(dst, text[kept:start+a.start]...)
			dst = g.appendFound(dst, text[start+a.start:start+a.end], a)
			start += a.end
			kept = start
		}
	}
	return append(dst, text[kept:]...)
}

var dot, colon = []byte{'.'}, []byte{':'}

// appendEscaped is appendText for a text with %XX or \u00XX escapes. It reads
// them as the bytes that they stand for; what it keeps is read once more as it
// is written, since a percent sign may also be just that.
func (g *guard) appendEscaped(dst, text []byte, as care) []byte {
	kept := 0
	for i := 0; i < len(text); {
		c, width := unescape(text[i:])
		if class[c]&(inHex|inSep) == 0 {
			i += width
			continue
		}
		raw := i
		g.run, g.pos = g.run[:0], g.pos[:0]
		dots, colons, escapes := 0, 0, false
		for i < len(text) {
			c, width = unescape(text[i:])
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
			g.run, g.pos = append(g.run, c), append(g.pos, i)
			i += width
		}
		g.pos = append(g.pos, i)
		if dots < 3 && colons < 2 || as == agentText && !escapes && isVersion(text, raw, i) {
			continue
		}
		for from := 0; from < len(g.run); {
			a := findAddr(g.run[from:])
			if a.end == 0 {
				break
			}
			dst = g.appendRaw(dst, text[kept:g.pos[from+a.start]], as)
			dst = g.appendFound(dst, g.run[from+a.start:from+a.end], a)
			from += a.end
			kept = g.pos[from]
		}
	}
	return g.appendRaw(dst, text[kept:], as)
}

func (g *guard) appendFound(dst, run []byte, a found) []byte {
	if a.exact {
		return g.cipher.AppendAddr(dst, a.addr)
	}
	return g.cipher.AppendName(dst, run)
}

// unescape returns the byte that text begins with and how many bytes of text
// it takes. %XX may itself be percent-encoded, as in %252E for a dot.
func unescape(text []byte) (c byte, width int) {
	if c = text[0]; c != '%' && c != '\\' {
		return c, 1
	}
	return unescapeLong(text)
}

func unescapeLong(text []byte) (c byte, width int) {
	switch text[0] {
	case '%':
		k := 1
		for k+2 <= len(text) && text[k] == '2' && text[k+1] == '5' {
			k += 2
		}
		if k+2 <= len(text) {
			if h, ok := unhex(text[k], text[k+1]); ok {
				return h, k + 2
			}
		}
	case '\\':
		if len(text) >= 6 && text[1] == 'u' && text[2] == '0' && text[3] == '0' {
			if h, ok := unhex(text[4], text[5]); ok {
				return h, 6
			}
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
	case ' ', '(', ';', ',', '"':
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
