package traffic

import "bytes"

// maxPath is the maximum length of a path that is kept, in bytes.
const maxPath = 120

// appendPath appends a request target as it may be kept: without scheme, host, query and
// parameters (;…). With mask, it replaces segments that look like a secret by *.
func appendPath(dst, target []byte, mask bool) []byte {
	target = path(target)
	start := len(dst)
	for len(target) > 0 && len(dst)-start < maxPath {
		segment := target
		if end := bytes.IndexByte(target, '/'); end >= 0 {
			segment = target[:end]
		}
		at := len(dst)
		dst = appendDecoded(dst, segment)
		if mask && looksSecret(dst[at:]) {
			dst = append(dst[:at], '*')
		}
		if target = target[len(segment):]; len(target) > 0 {
			dst, target = append(dst, '/'), target[1:]
		}
	}
	if len(dst)-start > maxPath {
		dst = append(dst[:start+maxPath-1], '*')
	}
	return dst
}

// path returns the path of a request target, which may be an absolute URL.
func path(target []byte) []byte {
	if len(target) > 0 && target[0] != '/' {
		if _, rest, ok := bytes.Cut(target, []byte("://")); ok {
			at := bytes.IndexByte(rest, '/')
			if at < 0 {
				return []byte("/")
			}
			target = rest[at:]
		}
	}
	if end := bytes.IndexAny(target, "?;#&"); end >= 0 {
		target = target[:end]
	}
	for i := 0; i+2 < len(target); i++ { // and their escaped forms
		if target[i] == '%' {
			switch hi, lo := unhex(target[i+1]), unhex(target[i+2]); hi<<4 | lo {
			case '?', ';', '#', '&':
				return target[:i]
			}
		}
	}
	return target
}

// appendDecoded decodes the escapes of unreserved characters (RFC 3986, section 2.3), which
// are equivalent, and writes the digits of all others in upper case.
func appendDecoded(dst, text []byte) []byte {
	for i := 0; i < len(text); i++ {
		c := text[i]
		if c == '%' && i+2 < len(text) {
			hi, lo := unhex(text[i+1]), unhex(text[i+2])
			if hi < 16 && lo < 16 {
				i += 2
				if d := hi<<4 | lo; isUnreserved(d) {
					dst = append(dst, d)
				} else {
					dst = append(dst, '%', "0123456789ABCDEF"[hi], "0123456789ABCDEF"[lo])
				}
				continue
			}
		}
		if c <= ' ' || c >= 0x7f || c == '\\' || c == '"' { // no server serves such a path
			c = '_'
		}
		dst = append(dst, c)
	}
	return dst
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c && c <= 'f':
		return c - 'a' + 10
	case 'A' <= c && c <= 'F':
		return c - 'A' + 10
	}
	return 16
}

func isUnreserved(c byte) bool {
	return isLetter(c) || isDigit(c) || c == '-' || c == '.' || c == '_' || c == '~'
}

func isDigit(c byte) bool  { return '0' <= c && c <= '9' }
func isLower(c byte) bool  { return 'a' <= c && c <= 'z' }
func isUpper(c byte) bool  { return 'A' <= c && c <= 'Z' }
func isLetter(c byte) bool { return isLower(c) || isUpper(c) }

// looksSecret reports whether a segment of a path looks like a token, an identity or an
// address: a UUID or other long hexadecimal digits, long numbers except dates, words of
// mixed case and digits, three dotted parts as in a JSON web token, or anything with an @.
func looksSecret(s []byte) bool {
	if bytes.IndexByte(s, '@') >= 0 || bytes.Contains(s, []byte("%40")) || bytes.Contains(s, []byte("%3A")) ||
		bytes.Contains(s, []byte("%25")) || bytes.Contains(s, []byte("%EF%BC%A0")) || isDotted(s) || isJoined(s) {
		return true
	}
	for len(s) > 0 { // word by word
		n := 0
		for n < len(s) && (isLetter(s[n]) || isDigit(s[n])) {
			n++
		}
		if n == 0 {
			s = s[1:]
			continue
		}
		if isToken(s[:n]) {
			return true
		}
		s = s[n:]
	}
	return false
}

// isDotted detects an IPv4 address, an IPv6 address, and three parts of base64.
func isDotted(s []byte) bool {
	if bytes.Count(s, []byte(":")) >= 2 {
		return true
	}
	numbers, digits := 0, 0 // 192.0.2.7 or ip-192-0-2-7
	for i, c := range s {
		switch {
		case isDigit(c):
			if digits++; digits == 1 {
				numbers++
			}
			if digits > 3 {
				numbers = 0
			}
			if numbers == 4 && (i+1 == len(s) || !isDigit(s[i+1])) {
				return true
			}
		case (c == '.' || c == '-' || c == '_' || c == ' ') && digits > 0: // campaigns contain spaces
			digits = 0
		default:
			numbers, digits = 0, 0
		}
	}
	if hasJWT(s) {
		return true
	}
	if bytes.Count(s, []byte(".")) == 2 && len(s) >= 24 {
		for part := range bytes.SplitSeq(s, []byte(".")) {
			if len(part) < 6 {
				return false
			}
			for _, c := range part {
				if !isLetter(c) && !isDigit(c) && c != '-' && c != '_' {
					return false
				}
			}
		}
		return true
	}
	return false
}

// hasJWT detects the first two parts of a JSON web token anywhere in s: the first begins
// like {" in base64; in a host name it is in lower case.
func hasJWT(s []byte) bool {
	const least = 6 // characters of a part
	head := false   // the part before is the first of a token
	for part := range bytes.SplitSeq(s, []byte(".")) {
		if head && len(part) >= least {
			return true
		}
		head = len(part) > least && bytes.EqualFold(part[:3], []byte("eyJ"))
	}
	return false
}

// isToken reports whether a run of letters and digits looks like a token.
func isToken(s []byte) bool {
	digits, lower, upper, hex := 0, 0, 0, 0
	for _, c := range s {
		switch {
		case isDigit(c):
			digits++
			hex++
		case isLower(c):
			lower++
		default:
			upper++
		}
		if 'a' <= c && c <= 'f' || 'A' <= c && c <= 'F' {
			hex++
		}
	}
	switch {
	case digits == len(s):
		return len(s) >= 7 && !isDate(s)
	case hex == len(s) && (digits > 0 || len(s) >= 12):
		return len(s) >= 8
	case digits > 0 && (len(s) >= 12 || lower > 0 && upper > 0 && len(s) >= 8):
		return true
	case lower > 0 && upper > 0:
		return len(s) >= 12 && changes(s) > len(s)/4
	}
	return false
}

// isJoined detects keys of several parts, ABCDE-1F2G3-4H5I6, and base64 with - and _: three
// parts of equal length of which two have digits among letters, or a part with upper and
// lower case letters and digits in a long text.
func isJoined(s []byte) bool {
	parts, mixed, strong, all, length := 0, 0, 0, 0, 0
	for len(s) > 0 {
		n, digits, upper, lower := 0, 0, 0, 0
		for ; n < len(s) && (isLetter(s[n]) || isDigit(s[n])); n++ {
			switch {
			case isDigit(s[n]):
				digits++
			case isUpper(s[n]):
				upper++
			default:
				lower++
			}
		}
		if n > 0 {
			if parts++; parts == 1 {
				length = n
			} else if n != length {
				length = -1
			}
			all += n
			if digits > 0 && upper+lower > 0 {
				mixed++
			}
			if digits > 0 && upper > 0 && lower > 0 && n >= 4 {
				strong++
			}
		}
		if n < len(s) && s[n] != '-' && s[n] != '_' {
			return false
		}
		s = s[min(n+1, len(s)):]
	}
	return parts >= 3 && length >= 4 && mixed >= 2 || parts >= 2 && strong > 0 && all >= 12
}

// changes returns the number of changes of case.
func changes(s []byte) (n int) {
	for i := 1; i < len(s); i++ {
		if isUpper(s[i]) != isUpper(s[i-1]) {
			n++
		}
	}
	return n
}

// isDate reports whether s is a date such as 20261122, perhaps with a time, 20261122064600.
func isDate(s []byte) bool {
	if len(s) != 8 && len(s) != 12 && len(s) != 14 || string(s[:2]) != "19" && string(s[:2]) != "20" {
		return false
	}
	month, day := int(s[4]-'0')*10+int(s[5]-'0'), int(s[6]-'0')*10+int(s[7]-'0')
	return 1 <= month && month <= 12 && 1 <= day && day <= 31 && (len(s) == 8 || s[8] <= '2' && s[10] <= '5')
}
