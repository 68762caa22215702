package filter

import (
	"bytes"
	"fmt"
	"strings"
)

// DefaultRedact names the query parameters that carry secrets or people's
// addresses more often than not.
const DefaultRedact = "token,jwt,access_token,auth,password,passwd,pwd,key,secret,sig,signature,session,sessionid,sessiontoken,sid,email"

// Redact is a set of query parameter names whose values are replaced. Names
// compare without case, and after percent-decoding.
type Redact struct {
	names map[string]bool
	long  int // length of the longest name
}

// NewRedact returns the set of the names in a comma-separated list. The empty
// list redacts nothing.
func NewRedact(list string) (*Redact, error) {
	r := &Redact{names: map[string]bool{}}
	for name := range strings.SplitSeq(list, ",") {
		name = strings.ToLower(strings.TrimSpace(name))
		if name == "" {
			continue
		}
		if strings.ContainsAny(name, "=&?;#% ") {
			return nil, fmt.Errorf("redact %q: give plain parameter names, separated by commas", name)
		}
		r.names[name] = true
		r.long = max(r.long, len(name))
	}
	return r, nil
}

// redacted stands in place of a value.
const redacted = "-"

// appendURL appends a text that holds URLs: the values of the redacted
// parameters are replaced, and what is left goes through the leak guard. end
// is where the URL of a request line ends; blanks before it are part of a
// value, as a broken client may send them.
func (g *guard) appendURL(dst, text []byte, end int, r *Redact, as care) []byte {
	kept := 0
	for i := 0; i < end; {
		eq, width := nextEqual(text[i:end])
		if eq < 0 {
			break
		}
		name := nameBefore(text[kept : i+eq])
		i += eq + width
		if !g.isRedacted(name, r) {
			continue
		}
		dst = g.appendText(dst, text[kept:i], as)
		dst = append(dst, redacted...)
		i += valueEnd(text[i:end], end < len(text))
		kept = i
	}
	return g.appendText(dst, text[kept:], as)
}

// nextEqual finds the next '=', plain or percent-encoded (a URL in a value of
// another has its own parameters), and how many bytes it takes.
func nextEqual(text []byte) (at, width int) {
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '=':
			return i, 1
		case '%', '\\':
			if c, w := unescape(text[i:]); c == '=' && w > 1 {
				return i, w
			}
		}
	}
	return -1, 0
}

// nameBefore returns the parameter name that text ends with: what follows the
// last separator.
func nameBefore(text []byte) []byte {
	for i := len(text) - 1; i >= 0; i-- {
		switch text[i] {
		case '?', '&', ';', '#', '=', '/', ' ', '"', ',':
			return text[i+1:]
		case '%', '\\':
			if c, w := unescape(text[i:]); w > 1 {
				switch c {
				case '?', '&', ';', '#', '=', '/', ' ', '"', ',':
					return text[i+w:]
				}
			}
		}
	}
	return text
}

// valueEnd returns the length of the value that text begins with. Inside a
// request line only '&' ends it; elsewhere blanks and quotes do, too.
func valueEnd(text []byte, request bool) int {
	for i := 0; i < len(text); i++ {
		switch c := text[i]; c {
		case '&':
			return i
		case ' ', '"':
			if !request {
				return i
			}
		case '%', '\\':
			c, w := unescape(text[i:])
			if c == '&' && w > 1 || !request && w == 1 && bytes.HasPrefix(text[i:], escapedQuote) {
				return i
			}
			i += w - 1
			if c == '\\' && w == 1 {
				i++ // the escaped byte belongs to the value
			}
		}
	}
	return len(text)
}

var escapedQuote = []byte(`\"`)

// isRedacted looks a raw name up. In name[sub] and name[] each part counts.
func (g *guard) isRedacted(name []byte, r *Redact) bool {
	if len(name) == 0 || len(name) > 16*(r.long+2) {
		return false // even with every byte encoded twice, too long
	}
	g.low = g.low[:0]
	for i := 0; i < len(name); {
		c, w := unescape(name[i:])
		i += w
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == '[' || c == ']' {
			if r.names[string(g.low)] {
				return true
			}
			g.low = g.low[:0]
			continue
		}
		g.low = append(g.low, c)
	}
	return r.names[string(g.low)]
}
