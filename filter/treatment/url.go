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

// appendOnly appends a URL with the parameters of its query that are named, as they
// stand there.
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

// appendParams appends "?" and the parameters of a query that are named, or nothing.
func (t *Treatment) appendParams(dst, query []byte) []byte {
	if end := bytes.IndexByte(query, '#'); end >= 0 {
		query = query[:end]
	}
	mark := byte('?')
	for len(query) > 0 {
		// Some applications take a semicolon for an ampersand.
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

// split cuts a URL that begins with a scheme or a slash, or "*". It reports false for
// anything else, and for what may have a user in it: nobody can say where
// http://joe:pa?ss/word@host/ was to be cut.
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
	if end := bytes.IndexAny(u.host, `/\?#`); end >= 0 { // browsers take \ for /
		u.host, u.path = u.host[:end], u.host[end:]
		u.path = u.path[:pathEnd(u.path)]
	}
	return u, isWord(u.scheme, "+-.") && isHost(u.host)
}

var schemeEnd, slashes = []byte("://"), []byte("//")

// pathEnd returns where the path ends that v begins with: at its query, its fragment or
// its parameters, whose marks may be encoded, once or more often.
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

// isHost reports whether v is a host, perhaps with a port. An IPv6 address needs no
// brackets: the pseudonym of 192.0.2.1 in http://192.0.2.1/ has none.
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

// isWord reports whether v has one byte or more, all of them letters, digits or of marks.
func isWord(v []byte, marks string) bool {
	for _, c := range v {
		if !(c-'0' <= 9 || c|0x20 >= 'a' && c|0x20 <= 'z' || bytes.IndexByte([]byte(marks), c) >= 0) {
			return false
		}
	}
	return len(v) > 0
}

// AppendQuery appends what is left of a query that stands by itself, ?a=b or nothing.
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
