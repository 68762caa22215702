package format

import "bytes"

// jsonToken is a scalar of a JSON text, a string without its quotes.
type jsonToken struct {
	kind       byte // '"', '0' for a number, 't', 'f', 'n'
	start, end int
}

// maxJSONDepth bounds the nesting. Caddy needs 4.
const maxJSONDepth = 32

// appendJSONTokens appends the scalars of line and reports false where line
// cannot be JSON: cut in half, nested too deeply, or not made of tokens. What
// stands between the tokens is for fastjson to judge. It never sees some of
// what it would mishandle: it takes 1.2.3.4 for a number, and it copies the
// rest of the line into its error message at each of up to 300 levels.
//
// Numbers may have leading zeros, as in an unquoted %{msec_frac}t.
func appendJSONTokens(dst []jsonToken, line []byte) ([]jsonToken, bool) {
	depth := 0
	for i := 0; i < len(line); {
		n := 1
		switch c := line[i]; c {
		case ' ', '\t', '\r', '\n', ',', ':':
		case '{', '[':
			if depth++; depth > maxJSONDepth {
				return dst, false
			}
		case '}', ']':
			depth--
		case '"':
			end := closingQuote(line, i+1)
			if end < 0 {
				return dst, false
			}
			dst = append(dst, jsonToken{'"', i + 1, end})
			n = end + 1 - i
		case 't', 'f', 'n':
			if n = jsonLiteral(line[i:]); n == 0 {
				return dst, false
			}
			dst = append(dst, jsonToken{c, i, i + n})
		default:
			if n = jsonNumber(line[i:]); n == 0 {
				return dst, false
			}
			dst = append(dst, jsonToken{'0', i, i + n})
		}
		i += n
	}
	return dst, depth == 0
}

// closingQuote returns the index of the quote that ends the string at i, -1
// for none. Unknown escapes such as Apache's \xc3 are two bytes like any other.
func closingQuote(line []byte, i int) int {
	start := i
	for {
		n := bytes.IndexByte(line[i:], '"')
		if n < 0 {
			return -1
		}
		i += n
		b := i
		for b > start && line[b-1] == '\\' {
			b--
		}
		if (i-b)%2 == 0 {
			return i
		}
		i++
	}
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

// jsonNumber is the length of the number at the start of b, 0 for none. Like
// fastjson, it takes as long a run of the bytes of numbers as there is; unlike
// fastjson, it asks that the run be one number.
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

// digits counts the digits at the start of b.
func digits(b []byte) int {
	n := 0
	for n < len(b) && b[n]-'0' <= 9 {
		n++
	}
	return n
}
