package where

import (
	"bytes"
	"strings"

	"hushpipe/format/policy"
)

// maxKept bounds the scratch memory kept from line to line.
const maxKept = 64 << 10

// split finds path and query in the target, once per line. The target host:port of CONNECT
// has no path.
func (m *Matcher) split() {
	if m.looked {
		return
	}
	m.looked = true
	m.path, m.query = nil, nil
	target := m.facts.Target
	if len(target) == 0 {
		return
	}
	if target[0] != '/' && string(target) != "*" {
		scheme := bytes.Index(target, []byte("://"))
		if end := bytes.IndexByte(target, '?'); scheme <= 0 || end >= 0 && end < scheme {
			return
		}
		target = target[scheme+len("://"):]
		if i := bytes.IndexAny(target, "/?"); i >= 0 {
			target = target[i:]
		} else {
			target = nil
		}
	}
	if i := bytes.IndexByte(target, '?'); i >= 0 {
		target, m.query = target[:i], target[i+1:]
	}
	if m.path = target; len(target) == 0 {
		m.path = slash // RFC 9110, section 4.2.3
		return
	}
	if bytes.IndexByte(target, '%') >= 0 || bytes.IndexByte(target[1:], '/') >= 0 && bytes.Contains(target, []byte("//")) {
		m.decodedPath = appendPath(reuse(m.decodedPath), target)
		m.path = m.decodedPath
	}
}

var slash = []byte("/")

func reuse(b []byte) []byte {
	if cap(b) > maxKept {
		return nil
	}
	return b[:0]
}

// appendPath appends a path, decoded once, with slashes merged, including encoded ones.
func appendPath(dst, path []byte) []byte {
	begin := len(dst)
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' {
			if d, ok := hexPair(path[i+1:]); ok {
				c = d
				i += 2
			}
		}
		if c == '/' && len(dst) > begin && dst[len(dst)-1] == '/' {
			continue
		}
		dst = append(dst, c)
	}
	return dst
}

// appendForm appends a name or a value of a query, decoded once.
func appendForm(dst, s []byte) []byte {
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch c {
		case '+':
			c = ' '
		case '%':
			if d, ok := hexPair(s[i+1:]); ok {
				c = d
				i += 2
			}
		}
		dst = append(dst, c)
	}
	return dst
}

func hexPair(b []byte) (byte, bool) {
	if len(b) < 2 {
		return 0, false
	}
	high, low := unhex(b[0]), unhex(b[1])
	return high<<4 | low, high < 16 && low < 16
}

func unhex(c byte) byte {
	switch {
	case '0' <= c && c <= '9':
		return c - '0'
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return c | 0x20 - 'a' + 10
	}
	return 0xff
}

// asks reports whether the query has one of the parameters.
func (m *Matcher) asks(queries []policy.Query) bool {
	for rest := m.query; len(rest) > 0; {
		part := rest
		if i := bytes.IndexByte(rest, '&'); i >= 0 {
			part, rest = rest[:i], rest[i+1:]
		} else {
			rest = nil
		}
		name, value := part, part[len(part):]
		if i := bytes.IndexByte(part, '='); i >= 0 {
			name, value = part[:i], part[i+1:]
		}
		name = form(&m.decodedName, name)
		value = form(&m.decodedValue, value)
		for i := range queries {
			q := &queries[i]
			if string(name) == q.Name && (!q.HasValue || string(value) == q.Value) {
				return true
			}
		}
	}
	return false
}

// form decodes a part of a query, using scratch if necessary.
func form(scratch *[]byte, s []byte) []byte {
	if bytes.IndexByte(s, '%') < 0 && bytes.IndexByte(s, '+') < 0 {
		return s
	}
	*scratch = appendForm(reuse(*scratch), s)
	return *scratch
}

// glob is a pattern in which a star matches any bytes, or none: the literals between the
// stars.
type glob struct {
	first, last string
	middle      [][]byte
	stars       bool // without one, the pattern is first
}

func newGlob(pattern string) glob {
	parts := strings.Split(pattern, "*")
	g := glob{first: parts[0], stars: len(parts) > 1}
	if g.stars {
		g.last = parts[len(parts)-1]
		for _, p := range parts[1 : len(parts)-1] {
			if p != "" {
				g.middle = append(g.middle, []byte(p))
			}
		}
	}
	return g
}

func matches(globs []glob, b []byte) bool {
	for i := range globs {
		if globs[i].match(b) {
			return true
		}
	}
	return false
}

// match takes the first occurrence of each literal: if the pattern matches at all, it
// matches that way, so there is no backtracking.
func (g *glob) match(b []byte) bool {
	if !g.stars {
		return string(b) == g.first
	}
	if len(b) < len(g.first)+len(g.last) || string(b[:len(g.first)]) != g.first || string(b[len(b)-len(g.last):]) != g.last {
		return false
	}
	b = b[len(g.first) : len(b)-len(g.last)]
	for _, literal := range g.middle {
		i := bytes.Index(b, literal)
		if i < 0 {
			return false
		}
		b = b[i+len(literal):]
	}
	return true
}
