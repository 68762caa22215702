package format

import (
	"bytes"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonToken is a scalar of a JSON text, a string without its quotes.
type jsonToken struct {
	kind       byte // '"', '0' for a number, 't', 'f', 'n'
	start, end int
}

// maxJSONDepth bounds the nesting. Caddy needs 4.
const maxJSONDepth = 32

// maxJSONTokens bounds scalars, objects and arrays in any line. In a line longer than usual,
// minJSONToken bounds them too, as the least number of bytes for each: fastjson needs a kilobyte
// for every "1,". Caddy writes about twelve bytes for each.
const (
	maxJSONTokens = 20_000
	minJSONToken  = 8
	fewJSONTokens = 128
)

// appendJSONTokens appends the scalars of line. It reports false if line cannot be JSON: if it
// is cut off, nested too deeply, not made of tokens, or made of too many. What lies between the
// tokens is for fastjson to judge, but it never sees some input that it would mishandle: it
// takes 1.2.3.4 for a number, and it copies the rest of the line into its error message at each
// of up to 300 levels.
//
// Numbers may have leading zeros, as in an unquoted %{msec_frac}t. Two things that httpd writes
// (mod_log_config.c) are not JSON, but accepted and reported as odd: the - of an unquoted %b, as
// a number, and in "%u" the two quotes of an empty user, as an empty string at the first quote.
func appendJSONTokens(dst []jsonToken, line []byte) (_ []jsonToken, odd, ok bool) {
	depth, containers, bad := 0, 0, 0
	escapes := bytes.IndexByte(line, '\\') >= 0
	most := min(maxJSONTokens, fewJSONTokens+len(line)/minJSONToken)
	for i := 0; i < len(line); {
		if len(dst)+containers > most {
			return dst, odd, false
		}
		n := 1
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		case '{', '[':
			containers++
			if depth++; depth > maxJSONDepth {
				return dst, odd, false
			}
		case '}', ']':
			depth--
		case '"':
			end := closingQuote(line, i+1)
			if end < 0 {
				return dst, odd, false
			}
			if escapes {
				if bad += badEscapes(line[i+1 : end]); bad > maxBadEscapes {
					return dst, odd, false
				}
			}
			dst = append(dst, jsonToken{'"', i + 1, end})
			n = end + 1 - i
			if n == 2 && bytes.HasPrefix(line[i+2:], []byte(`""`)) && endsJSONValue(line[i+4:]) {
				n, odd = 4, true
			}
		case 't', 'f', 'n':
			if n = jsonLiteral(line[i:]); n == 0 {
				return dst, odd, false
			}
			dst = append(dst, jsonToken{c, i, i + n})
		default:
			if n = jsonNumber(line[i:]); n == 0 {
				if c != '-' || !endsJSONValue(line[i+1:]) {
					return dst, odd, false
				}
				n, odd = 1, true
			}
			dst = append(dst, jsonToken{'0', i, i + n})
		}
		i += n
	}
	return dst, odd, depth == 0
}

// endsJSONValue reports whether a value can end before b.
func endsJSONValue(b []byte) bool {
	b = bytes.TrimLeft(b, " \t")
	return len(b) > 0 && (b[0] == ',' || b[0] == '}' || b[0] == ']')
}

func (t jsonToken) isDash(line []byte) bool {
	return t.end-t.start == 1 && line[t.start] == '-' && t.kind == '0'
}

// appendPatched appends line with its odd tokens replaced by JSON of the same length.
func appendPatched(dst, line []byte, tokens []jsonToken) []byte {
	dst = append(dst, line...)
	for _, t := range tokens {
		if t.isDash(line) {
			dst[t.start] = '0'
		} else if t.kind == '"' && t.start == t.end && t.end+1 < len(line) && line[t.end+1] == '"' {
			copy(dst[t.end+1:], "  ")
		}
	}
	return dst
}

// closingQuote returns the index of the quote that ends the string at i, -1 for none. An unknown
// escape such as Apache's \xc3 is two bytes like any other.
func closingQuote(line []byte, i int) int {
	n := bytes.IndexByte(line[i:], '"')
	if n < 0 {
		return -1
	}
	if n == 0 || line[i+n-1] != '\\' {
		return i + n
	}
	for ; i < len(line); i++ { // linear even if a client sends nothing but \"
		switch line[i] {
		case '"':
			return i
		case '\\':
			i++
		}
	}
	return -1
}

// maxBadEscapes bounds badEscapes in a line: fastjson allocates an error for each.
const maxBadEscapes = 8

// badEscapes counts each \u of a string without four hex digits. No logger of JSON writes them.
func badEscapes(s []byte) (n int) {
	first := bytes.IndexByte(s, '\\')
	if first < 0 {
		return 0
	}
	for i := first; i+1 < len(s); i++ {
		if s[i] != '\\' {
			continue
		}
		if i++; s[i] != 'u' {
			continue
		}
		if i+4 >= len(s) || hexDigit(s[i+1])|hexDigit(s[i+2])|hexDigit(s[i+3])|hexDigit(s[i+4]) > 15 {
			n++
		}
	}
	return n
}

// jsonLiteral is the length of the literal at the start of b, 0 for none.
func jsonLiteral(b []byte) int {
	for _, s := range [...]string{"true", "false", "null"} {
		if len(b) >= len(s) && string(b[:len(s)]) == s {
			return len(s)
		}
	}
	return 0
}

// jsonNumber returns the length of the number at the start of b, 0 for none. Like fastjson, it
// reads the longest run of bytes that occur in numbers; unlike fastjson, it requires the run to
// be one number.
func jsonNumber(b []byte) int {
	i := 0
	if b[0] == '-' {
		i = 1
	}
	n := digits(b[i:])
	i += n
	if n > 0 && i < len(b) && b[i] == '.' {
		n = digits(b[i+1:])
		i += 1 + n
	}
	if n > 0 && i < len(b) && b[i]|0x20 == 'e' {
		if i++; i < len(b) && (b[i] == '+' || b[i] == '-') {
			i++
		}
		n = digits(b[i:])
		i += n
	}
	if n == 0 || i < len(b) && (b[i] == '.' || b[i] == '-' || b[i] == '+' || b[i]|0x20 == 'e') {
		return 0
	}
	return i
}

// digits returns the number of digits at the start of b.
func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}

// appendJSONText appends the text that s, the inside of a JSON string, encodes.
func appendJSONText(dst, s []byte) []byte {
	for len(s) > 0 {
		n := bytes.IndexByte(s, '\\')
		if n < 0 {
			return append(dst, s...)
		}
		dst = append(dst, s[:n]...)
		s = s[n:]
		r, width := unescapeJSON(s)
		if r < 0 {
			dst = append(dst, s[:width]...)
		} else {
			dst = utf8.AppendRune(dst, r)
		}
		s = s[width:]
	}
	return dst
}

// jsonOffset returns the offset in s that corresponds to offset want in the decoded text, or the
// start of the rune that covers want, and that rune's offset in the text. The search begins at
// s[at], which is text[pos].
func jsonOffset(s []byte, at, pos, want int) (int, int) {
	for pos < want && at < len(s) {
		if s[at] != '\\' {
			at, pos = at+1, pos+1
			continue
		}
		r, width := unescapeJSON(s[at:])
		n := width
		if r >= 0 {
			n = utf8.RuneLen(r)
		}
		if pos+n > want {
			break
		}
		at, pos = at+width, pos+n
	}
	return at, pos
}

// unescapeJSON decodes the escape at the start of s and returns its length in bytes. The rune is
// -1 for anything that is not an escape of JSON, such as httpd's \xc3; it stands for itself.
func unescapeJSON(s []byte) (r rune, width int) {
	if len(s) < 2 {
		return -1, len(s)
	}
	switch s[1] {
	case '"', '\\', '/':
		return rune(s[1]), 2
	case 'b':
		return '\b', 2
	case 'f':
		return '\f', 2
	case 'n':
		return '\n', 2
	case 'r':
		return '\r', 2
	case 't':
		return '\t', 2
	case 'u':
		r, ok := hex4(s[2:])
		if !ok {
			return -1, 2
		}
		if utf16.IsSurrogate(r) {
			if low, ok := hex4(bytes.TrimPrefix(s[6:], []byte(`\u`))); ok && bytes.HasPrefix(s[6:], []byte(`\u`)) {
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					return r, 12
				}
			}
			return utf8.RuneError, 6
		}
		return r, 6
	}
	return -1, 2
}

func hex4(s []byte) (r rune, ok bool) {
	if len(s) < 4 {
		return 0, false
	}
	for _, c := range s[:4] {
		d := hexDigit(c)
		if d > 15 {
			return 0, false
		}
		r = r<<4 | rune(d)
	}
	return r, true
}
