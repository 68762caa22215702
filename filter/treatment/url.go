package treatment

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/policy"
)

// appendPath appends a URL without query and fragment.
func (t *Treatment) appendPath(_ Hasher, dst, v []byte) []byte {
	u, ok := split(v)
	if !ok {
		return append(dst, '-')
	}
	return append(u.appendSite(dst), u.path...)
}

// appendSite appends the scheme and the host of a URL, and "/" for its path.
func (t *Treatment) appendSite(_ Hasher, dst, v []byte) []byte {
	u, ok := split(v)
	switch {
	case !ok:
		return append(dst, '-')
	case len(u.scheme) == 0 && u.path[0] == '*':
		return append(dst, u.path...)
	}
	return append(u.appendSite(dst), '/')
}

// appendOnly appends a URL with only the named parameters of its query, unchanged.
func (t *Treatment) appendOnly(h Hasher, dst, v []byte) []byte {
	start := len(dst)
	if dst = t.appendPath(h, dst, v); string(dst[start:]) == "-" {
		return dst
	}
	at := bytes.IndexByte(v, '?')
	if at < 0 {
		return dst
	}
	return t.appendParams(dst, v[at+1:])
}

// appendParams appends "?" and the named parameters of a query, or nothing.
func (t *Treatment) appendParams(dst, query []byte) []byte {
	if end := bytes.IndexByte(query, '#'); end >= 0 {
		query = query[:end]
	}
	mark := byte('?')
	for len(query) > 0 {
		// Some applications accept a semicolon as a separator.
		end := bytes.IndexAny(query, "&;")
		pair := query
		if end >= 0 {
			pair, query = query[:end], query[end+1:]
		} else {
			query = nil
		}
		name, _, _ := bytes.Cut(pair, equals)
		if t.hasParam(name) {
			dst = append(append(dst, mark), pair...)
			mark = '&'
		}
	}
	return dst
}

var equals = []byte{'='}

func (t *Treatment) hasParam(name []byte) bool {
	for _, param := range t.params {
		if len(param) != len(name) {
			continue
		}
		i := 0
		for i < len(name) && lower(name[i]) == param[i] {
			i++
		}
		if i == len(name) {
			return true
		}
	}
	return false
}

func lower(c byte) byte {
	if 'A' <= c && c <= 'Z' {
		return c + 'a' - 'A'
	}
	return c
}

// url is a URL without query and fragment.
type url struct{ scheme, host, path []byte }

func (u *url) appendSite(dst []byte) []byte {
	if len(u.scheme) == 0 {
		return dst
	}
	return append(append(append(dst, u.scheme...), "://"...), u.host...)
}

// split parses a URL that begins with a scheme or a slash, or is "*". It returns false for
// anything else, and for URLs that may contain a user: http://joe:pa?ss/word@host/ cannot be
// split reliably.
func split(v []byte) (u url, ok bool) {
	if len(v) == 0 {
		return u, false
	}
	if v[0] == '/' || len(v) == 1 && v[0] == '*' {
		u.path = v[:pathEnd(v)]
		at := bytes.Index(u.path, slashes)
		return u, at < 0 || bytes.IndexByte(u.path[at:], '@') < 0
	}
	at := bytes.Index(v, schemeEnd)
	if at < 0 || bytes.IndexByte(v[at:], '@') >= 0 {
		return u, false
	}
	u.scheme, u.host = v[:at], v[at+len(schemeEnd):]
	if end := bytes.IndexAny(u.host, `/\?#`); end >= 0 { // browsers treat \ like /
		u.host, u.path = u.host[:end], u.host[end:]
		u.path = u.path[:pathEnd(u.path)]
	}
	return u, isWord(u.scheme, "+-.") && isHost(u.host)
}

var schemeEnd, slashes = []byte("://"), []byte("//")

// pathEnd returns the end of the path at the beginning of v: its query, fragment or
// parameters, whose delimiters may be encoded, once or repeatedly.
func pathEnd(v []byte) int {
	for i, c := range v {
		switch c {
		case '?', '#', ';':
			return i
		case '%':
			code := v[i+1:]
			for len(code) >= 2 && string(code[:2]) == "25" {
				code = code[2:]
			}
			if len(code) < 2 {
				continue
			}
			switch string(code[:2]) {
			case "3F", "3f", "3B", "3b", "23":
				return i
			}
		}
	}
	return len(v)
}

// isHost reports whether v is a host, perhaps with a port. IPv6 addresses need no brackets:
// the pseudonym of 192.0.2.1 in http://192.0.2.1/ has none.
func isHost(v []byte) bool {
	if _, ok := pseudonym.ParseAddr(v); ok {
		return true
	}
	name, port := v, []byte(nil)
	if at := bytes.LastIndexByte(v, ':'); at >= 0 && v[len(v)-1] != ']' {
		if name, port = v[:at], v[at+1:]; len(port) > len("65535") || !isNumber(port) {
			return false
		}
		if _, ok := pseudonym.ParseAddr(name); ok {
			return true
		}
	}
	if n := len(name); n > 2 && name[0] == '[' && name[n-1] == ']' {
		return isWord(name[1:n-1], ".:")
	}
	return isWord(name, "-._")
}

func isNumber(v []byte) bool { return len(v) > 0 && len(bytes.Trim(v, "0123456789")) == 0 }

// isHostPort reports whether v is the target of a CONNECT.
func isHostPort(v []byte) bool {
	return isHost(v) && bytes.IndexByte(v, ':') >= 0 && v[len(v)-1] != ']'
}

// isWord reports whether v is not empty and consists of letters, digits and marks.
func isWord(v []byte, marks string) bool {
	for _, c := range v {
		if !(c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || bytes.IndexByte([]byte(marks), c) >= 0) {
			return false
		}
	}
	return len(v) > 0
}

// AppendQuery appends the rest of a separately logged query, ?a=b or nothing.
func (t *Treatment) AppendQuery(dst, v []byte, h Hasher) []byte {
	switch {
	case t.IsWhole():
		return append(dst, v...)
	case t == nil || t.Kind == policy.Drop || len(v) == 0 || v[0] != '?':
		return append(dst, '-')
	case t.Kind != policy.OnlyParams:
		return dst
	}
	return t.appendParams(dst, v[1:])
}
