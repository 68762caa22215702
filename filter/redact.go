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
	}
	return r, nil
}

// redacted stands in place of a value.
const redacted = "-"

// appendRequest appends a request line, or only its target. What stands before
// the protocol is all target: a broken client sends blanks in it, unencoded.
func (g *guard) appendRequest(dst, line []byte, r *Redact) []byte {
	if nextStop(line, 0, stopRun|stopEscape|stopEqual) == len(line) {
		return append(dst, line...)
	}
	end := len(line)
	if at := bytes.LastIndexByte(line, ' '); at >= 0 && bytes.HasPrefix(line[at:], protocol) {
		end = at
	}
	dst = g.appendRedacted(dst, line[:end], r, plainText, false)
	return g.appendText(dst, line[end:], plainText)
}

var protocol = []byte(" HTTP/")

// appendURL appends a URL, or a message that may quote some.
func (g *guard) appendURL(dst, text []byte, r *Redact) []byte {
	if nextStop(text, 0, stopRun|stopEscape|stopEqual) == len(text) {
		return append(dst, text...)
	}
	return g.appendRedacted(dst, text, r, plainText, isProse(text))
}

// isProse reports whether a text is a message that may quote a URL, and not a
// URL: its first word has nothing of one.
func isProse(text []byte) bool {
	word, _, more := bytes.Cut(bytes.TrimLeft(text, " \"'\\"), blank)
	return more && !bytes.ContainsAny(word, "/?=#")
}

var blank = []byte{' '}

// appendRedacted replaces the values of the redacted parameters, and passes
// what is left through the leak guard. A value ends at the next parameter, in
// prose at a blank or a quote as well.
func (g *guard) appendRedacted(dst, text []byte, r *Redact, as care, prose bool) []byte {
	kept, escaped := 0, bytes.IndexByte(text, '%') >= 0 || bytes.IndexByte(text, '\\') >= 0
	for i := 0; i < len(text); {
		eq, width := nextEqual(text[i:], escaped)
		if eq < 0 {
			break
		}
		name := nameBefore(text[kept : i+eq])
		layers := escapeLayers(text[i+eq:])
		i += eq + width
		if !g.isRedacted(name, r) {
			continue
		}
		dst = g.appendText(dst, text[kept:i], as)
		dst = append(dst, redacted...)
		i += valueEnd(text[i:], layers, prose)
		kept = i
	}
	return g.appendText(dst, text[kept:], as)
}

// nextEqual finds the next '=', plain or percent-encoded (a URL in a value of
// another has its own parameters), and how many bytes it takes. escaped tells
// whether there may be escapes.
func nextEqual(text []byte, escaped bool) (at, width int) {
	if !escaped {
		return bytes.IndexByte(text, '='), 1
	}
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

// escapeLayers is how often the byte that text begins with was percent-encoded:
// %26 is no delimiter for a name that ends in a plain '='.
func escapeLayers(text []byte) int {
	_, _, layers := unescapeLong(text)
	return layers
}

// nameBefore returns the parameter name that text ends with: what follows the
// last byte that no name holds.
func nameBefore(text []byte) []byte {
	for i := len(text) - 1; i >= 0; i-- {
		switch c := text[i]; c {
		case '%', '\\':
			if d, w := unescape(text[i:]); w > 1 {
				if endsName(d) {
					return text[i+w:]
				}
			} else if c == '\\' {
				return text[min(i+escapeLen(text[:i]), len(text)):]
			}
		default:
			if endsName(c) {
				return text[i+1:]
			}
		}
	}
	return text
}

func endsName(c byte) bool {
	switch c {
	case '?', '&', ';', '#', '=', '/', ' ', '"', '\'', ',', ':', '(', '<', '{':
		return true
	}
	return false
}

// valueEnd returns the length of the value that text begins with, its '='
// being percent-encoded as often as layers says. A quote right behind the '='
// is part of the value, and so is all up to its partner.
func valueEnd(text []byte, layers int, prose bool) int {
	for i := quotedLen(text); i < len(text); i++ {
		switch c := text[i]; c {
		case '&':
			return i
		case ' ', '"':
			if prose {
				return i
			}
		case '%', '\\':
			d, w, n := unescapeLong(text[i:])
			if d == '&' && w > 1 && n <= layers ||
				prose && bytes.HasPrefix(text[i:], escapedQuote) {
				return i
			}
			if c == '\\' && w == 1 {
				w = 2 // the escaped byte belongs to the value
			}
			i += w - 1
		}
	}
	return len(text)
}

// quotedLen returns the length of the quoted string that text begins with: 0
// for none, len(text) for one that does not end. A quote's partner is written
// as the quote itself is, with as many backslashes.
func quotedLen(text []byte) int {
	n := 0
	for n < len(text) && text[n] == '\\' {
		n++
	}
	if n == len(text) || text[n] != '"' && text[n] != '\'' {
		return 0
	}
	n++
	for i := n; ; {
		k := bytes.Index(text[i:], text[:n])
		if k < 0 {
			return len(text)
		}
		i += k + n
		if text[i-n-1] != '\\' {
			return i
		}
	}
}

// isRedacted looks a raw name up. In name[sub] and name[] each part counts.
func (g *guard) isRedacted(name []byte, r *Redact) bool {
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
