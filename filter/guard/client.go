package guard

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
)

// AppendClient appends the pseudonym of a client field: an address, with or without brackets,
// port and zone, or a host name, with or without port. Anything that is no address counts as a
// name; only "-" and "" stay. It returns the client, nil for none, valid until the next call.
func (g *Guard) AppendClient(dst, v []byte) ([]byte, *Client) {
	if len(v) == 0 || len(v) == 1 && v[0] == '-' {
		return append(dst, v...), nil
	}
	dst, who := g.Cipher.appendText(dst, v)
	if who != nil {
		return dst, who
	}
	bare := BareAddr(v)
	if dst, who = g.Cipher.appendText(dst, bare); who == nil {
		if len(bare) == 0 {
			bare = v
		}
		dst, a := g.Cipher.AppendNameAddr(dst, bare)
		if a != g.named.Addr {
			g.named = Client{Addr: a} // without another client's notes
		}
		return dst, &g.named
	}
	return dst, who
}

// IsNamed reports whether who, which AppendClient returned, is a host name or other bytes
// that are no address.
func (g *Guard) IsNamed(who *Client) bool { return who == &g.named }

// appendOther is AppendClient for a client who is not counted. Past the bounds it strikes
// the client out.
func (g *Guard) appendOther(dst, v []byte) ([]byte, *Client) {
	if len(v) == 0 || len(v) == 1 && v[0] == '-' {
		return append(dst, v...), nil
	}
	if !g.affords(len(v)) || len(v) > MaxName {
		return append(dst, struck...), nil
	}
	start := len(dst)
	dst, who := g.AppendClient(dst, v)
	g.growth -= len(dst) - start - len(v)
	if who == &g.named {
		g.work -= pseudonym.NameCost(len(v))
	} else {
		g.work -= g.Cipher.Cost(who.Addr)
	}
	return dst, who
}

// BareAddr strips brackets and a port from an address or a name, as in "[2001:db8::1]:443"
// and "192.0.2.1:443" (RFC 7239, section 6), and an IPv6 zone (RFC 4007, section 11). v must
// not be empty.
func BareAddr(v []byte) []byte {
	if v[0] == '[' {
		if end := bytes.IndexByte(v, ']'); end > 0 && (end == len(v)-1 || isPort(v[end+1:])) {
			v = v[1:end]
		}
	} else if at := bytes.IndexByte(v, ':'); at > 0 && isPort(v[at:]) {
		v = v[:at]
	}
	if zone := bytes.IndexByte(v, '%'); zone > 0 && bytes.IndexByte(v[:zone], ':') >= 0 {
		v = v[:zone]
	}
	return v
}

// isPort reports whether v is a colon and digits.
func isPort(v []byte) bool {
	for _, c := range v[1:] {
		if class[c]&inDigit == 0 {
			return false
		}
	}
	return v[0] == ':'
}

// AppendClientList appends a comma-separated list of client fields, such as X-Forwarded-For,
// and returns the first client. counted is whether that is the counted client, to whom the
// bounds do not apply.
func (g *Guard) AppendClientList(dst, v []byte, counted bool) ([]byte, *Client) {
	var first, c *Client
	l := list{n: bytes.Count(v, comma) + 1, ends: 8}
	for n := 0; ; n++ {
		end := bytes.IndexByte(v, ',')
		elem := v
		if end >= 0 {
			elem = v[:end]
		}
		if g.reach(&l, n) {
			dst, c = g.appendElement(dst, elem, counted && n == 0)
		} else {
			dst, c = appendStruck(dst, elem), nil
		}
		if n == 0 && c != nil {
			g.first = *c
			first = &g.first
		}
		if end < 0 {
			return dst, first
		}
		dst = append(dst, ',')
		v = v[end+1:]
	}
}

var comma = []byte{','}

// list is a list of clients. The middle of a long list is struck out: a server trusts the last
// elements (mod_remoteip), and people read the first ones, which any client can write. So the
// first half may use only half of the bounds.
type list struct {
	n    int // elements
	ends int // elements that are kept at each end

	growth, work int // reserved for the second half
}

// reach reports whether the element i is kept. The caller must call it for each element in
// turn.
func (g *Guard) reach(l *list, i int) bool {
	if i == 0 && l.n > 1 {
		l.growth, l.work = g.growth/2, g.work/2
		g.growth, g.work = g.growth-l.growth, g.work-l.work
	} else if i == (l.n+1)/2 {
		g.growth, g.work = g.growth+l.growth, g.work+l.work
	}
	return i < l.ends || i >= l.n-l.ends
}

// appendElement appends one client field with the blanks and quotes around it;
// in a log a quote inside a field is written \" (httpd, server/util.c,
// ap_escape_logitem).
func (g *Guard) appendElement(dst, elem []byte, counted bool) ([]byte, *Client) {
	start, end := Unwrap(elem)
	dst = append(dst, elem[:start]...)
	var c *Client
	if counted {
		dst, c = g.AppendClient(dst, elem[start:end])
	} else {
		dst, c = g.appendOther(dst, elem[start:end])
	}
	return append(dst, elem[end:]...), c
}

// Unwrap returns the offsets in an element of a list of the client in it, without the blanks
// and quotes around it.
func Unwrap(elem []byte) (start, end int) {
	end = len(elem)
	for n := 1; start < end && n > 0; start += n {
		n = wrapping(elem[start:end])
	}
	for n := 1; start < end && n > 0; end -= n {
		n = wrappingEnd(elem[start:end])
	}
	return start, end
}

// wrapping returns the length of the blank or quote that v begins with, 0 for none. Before
// any other byte a backslash is part of an escape, which must not be cut.
func wrapping(v []byte) int {
	switch {
	case v[0] == ' ', v[0] == '\t', v[0] == '"':
		return 1
	case bytes.HasPrefix(v, escapedQuote):
		return len(escapedQuote)
	}
	return 0
}

// wrappingEnd is wrapping for the end of v.
func wrappingEnd(v []byte) int {
	switch n := len(v) - 1; v[n] {
	case ' ', '\t':
		return 1
	case '"':
		if escapeLen(v[:n]) == 1 { // the second byte of an escape
			return len(escapedQuote)
		}
		return 1
	}
	return 0
}

var escapedQuote = []byte(`\"`)

// AppendForwarded appends a Forwarded header (RFC 7239). The values of for= and by=, and
// values without a name, are client fields; other values are text. It returns the client of
// the first for=; counted is as in AppendClientList.
func (g *Guard) AppendForwarded(dst, v []byte, r *treatment.Redact, counted bool) ([]byte, *Client) {
	var first, c *Client
	l := list{n: 1, ends: 16}
	for _, c := range v {
		if c == ';' || c == ',' {
			l.n++
		}
	}
	for n := 0; ; n++ {
		end := 0
		for end < len(v) && v[end] != ';' && v[end] != ',' {
			end++
		}
		pair := v[:end]
		if !g.reach(&l, n) {
			dst = appendStruck(dst, pair)
		} else {
			eq := bytes.IndexByte(pair, '=')
			name := bytes.Trim(pair[:max(eq, 0)], " \t")
			isFor := bytes.EqualFold(name, forName)
			if isFor || bytes.EqualFold(name, byName) || eq < 0 {
				dst = append(dst, pair[:eq+1]...)
				dst, c = g.appendElement(dst, pair[eq+1:], counted && isFor && first == nil)
				if isFor && first == nil && c != nil {
					g.first = *c
					first = &g.first
				}
			} else {
				dst = g.appendRedacted(dst, pair, r, plainText, false)
			}
		}
		if end == len(v) {
			return dst, first
		}
		dst = append(dst, v[end])
		v = v[end+1:]
	}
}

var forName, byName = []byte("for"), []byte("by")
