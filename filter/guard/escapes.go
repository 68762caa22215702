package guard

import (
	"bytes"
	"strings"
)

// isNested reports whether an escape has another one inside.
func isNested(escape []byte) bool {
	return bytes.IndexByte(escape[1:], '%') >= 0 || bytes.IndexByte(escape[1:], '\\') >= 0
}

// escapeStart returns where to begin replacing an address at text[at:]. If the address begins
// within an escape, as in \b::1, \xc3::1 and \u005D::, that is where the escape begins, since
// it must not be cut; otherwise it is at.
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

// escapeLen returns the length of what a backslash right after text belongs to: 2 for an escape
// such as \n, or 1 if it is the second backslash of \\.
func escapeLen(text []byte) int {
	before := len(text) - len(bytes.TrimRight(text, `\`))
	return 2 - before%2
}

// unescape returns the first byte of text, decoded, and how many bytes of text encode it, see
// unescapeLong.
func unescape(text []byte) (c byte, width int) {
	if c = text[0]; c != '%' && c != '\\' || !mayUnescape(text, 0) {
		return c, 1
	}
	c, width, _ = unescapeLong(text)
	return c, width
}

// mayUnescape is a quick test before unescapeLong. It reports false for most bytes text[i] that
// begin no escape: a client may send nothing but percent signs, and each is read several times.
func mayUnescape(text []byte, i int) bool {
	if len(text)-i < 5 {
		return true
	}
	b := (*[5]byte)(text[i:])
	return escapes[0][b[0]]&escapes[1][b[1]]&escapes[2][b[2]]&escapes[3][b[3]]&escapes[4][b[4]] != 0
}

// escapes[i][c] has one bit for each kind of escape that can have c as its byte i. An escaped
// hexadecimal digit, %41 or \u0041, has a 3, 4 or 6 as its first digit. %25 counts as an escape
// only if it is part of a longer one.
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

// unescapeLong decodes the %XX, or the \u00XX of JSON, that text begins with. If the result is
// part of another %XX, as in %252E, %25%32%45 and %2\u0045 for a dot, it decodes that as well.
// layers is how often the byte was percent-encoded, 0 for not at all.
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

// unescapeNested is unescapeLong without its shortcuts.
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

// unescapeDigit returns the value of a digit of %XX, notHex for none. The digit may be an
// escape itself.
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

// unescapeOne decodes the escape that text begins with, one layer of it.
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

// notHex has all bits set, so that or-ing it with a digit gives notHex.
const notHex = 0xff
