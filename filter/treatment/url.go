package treatment

import (
	"bytes"

	"hushpipe/format/policy"
)

// appendPath appends a URL without user, query and fragment.
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
	case len(u.scheme) == 0 && u.path[0] != '/': // HOST:PORT of CONNECT, or *
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

// url is a URL without user, query and fragment.
type url struct{ scheme, host, path []byte }

func (u *url) appendSite(dst []byte) []byte {
	if len(u.scheme) == 0 {
		return dst
	}
	return append(append(append(dst, u.scheme...), "://"...), u.host...)
}

// split cuts a URL that begins with a scheme or a slash, HOST:PORT, or "*". It reports
// false for anything else.
func split(v []byte) (u url, ok bool) {
	if end := bytes.IndexAny(v, "?#"); end >= 0 {
		v = v[:end]
	}
	if len(v) == 0 {
		return u, false
	}
	if v[0] == '/' || len(v) == 1 && v[0] == '*' {
		u.path = v
		return u, true
	}
	if at := bytes.Index(v, schemeEnd); at > 0 {
		u.scheme, u.host = v[:at], v[at+len(schemeEnd):]
		if end := bytes.IndexAny(u.host, `/\`); end >= 0 { // browsers take \ for /
			u.host, u.path = u.host[:end], u.host[end:]
		}
		u.host = u.host[bytes.LastIndexByte(u.host, '@')+1:]
		return u, isWord(u.scheme, "+-.") && isWord(u.host, "-._~%:[]")
	}
	u.path = v
	port := bytes.LastIndexByte(v, ':')
	return u, port > 0 && isWord(v[:port], "-._~:[]") && len(v)-port <= len(":65535") && len(bytes.Trim(v[port+1:], "0123456789")) == 0
}

var schemeEnd = []byte("://")

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
