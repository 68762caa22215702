package guard

import (
	"bytes"

	"hushpipe/filter/treatment"
)

// redacted replaces a secret value.
const redacted = "-"

// AppendRequest appends a request line, or a target alone, without secrets. The target ends
// where the protocol begins, since a broken client sends unencoded blanks in it.
func (g *Guard) AppendRequest(dst, line []byte, r *treatment.Redact) []byte {
	if nextStop(line, 0, stopRun|stopEscape|stopSecret|stopDashed) == len(line) {
		return append(dst, line...)
	}
	end := len(line)
	if at := bytes.LastIndexByte(line, ' '); at >= 0 && bytes.HasPrefix(line[at:], protocol) {
		end = at
	}
	start := targetStart(line[:end])
	if n := userinfoLen(line[start:end], 0, true, false); n > 0 { // as in CONNECT user@host:443
		dst = append(g.appendText(dst, line[:start], plainText), redacted...)
		line, end = line[start+n:], end-start-n
	}
	dst = g.appendRedacted(dst, line[:end], r, plainText, false)
	return g.appendText(dst, line[end:], plainText)
}

// targetStart returns where the target of a request line begins: after the method, which has
// none of the bytes of a URL (RFC 9110, 9.1). If the line is no request at all, it returns the
// line's length.
func targetStart(line []byte) int {
	method := bytes.IndexByte(line, ' ')
	switch {
	case bytes.HasPrefix(line, backslash):
		return len(line) // a TLS handshake, for example
	case method < 0 || bytes.ContainsAny(line[:method], "@/:?%"):
		return 0
	}
	return method + 1
}

var backslash = []byte{'\\'}

var protocol = []byte(" HTTP/")

// AppendURL appends a URL, or a message that may quote URLs, without their secrets.
func (g *Guard) AppendURL(dst, text []byte, r *treatment.Redact) []byte {
	if nextStop(text, 0, stopRun|stopEscape|stopSecret|stopDashed) == len(text) {
		return append(dst, text...)
	}
	return g.appendRedacted(dst, text, r, plainText, IsProse(text))
}

// AppendMessage appends a message that may quote URLs, without their secrets.
func (g *Guard) AppendMessage(dst, text []byte, r *treatment.Redact) []byte {
	return g.appendRedacted(dst, text, r, plainText, true)
}

// IsProse reports whether a text is a message that may quote a URL, rather than a URL: it has
// more than one word, and the first has none of the bytes of a URL.
func IsProse(text []byte) bool {
	word, _, more := bytes.Cut(bytes.TrimLeft(text, " \"'\\"), blank)
	return more && !bytes.ContainsAny(word, "/?=#")
}

var blank = []byte{' '}

// appendRedacted replaces the values of redacted parameters and the user information of URLs,
// and passes the rest through the leak guard. A value ends at the next parameter, and in a path
// with its segment; in prose, a blank or a quote ends it too.
func (g *Guard) appendRedacted(dst, text []byte, r *treatment.Redact, as strictness, prose bool) []byte {
	kept, escaped := 0, bytes.IndexByte(text, '%') >= 0 || bytes.IndexByte(text, '\\') >= 0
	user := userinfo{text: text, query: -1, escaped: escaped, prose: prose}
	user.find(0)
	eq, width := -1, 0
	pathEnd := -1 // not yet known
	for i := 0; i < len(text); {
		if eq < i {
			if eq, width = nextEqual(text, i, kept, escaped); eq < 0 {
				eq = len(text)
			}
		}
		if user.start < i {
			user.find(i)
		}
		if user.start <= eq && user.start < len(text) {
			g.at = kept
			dst = g.appendText(dst, text[kept:user.start], as)
			dst = append(dst, redacted...)
			kept, i = user.end, user.end
			continue
		}
		if eq == len(text) {
			break
		}
		follows := eq == i && i > kept // it follows another '=' or the user, and has no name
		i = eq + width
		if follows {
			continue
		}
		name := nameBefore(text[kept:eq])
		if !g.isRedacted(name, r) {
			continue
		}
		layers := escapeLayers(text[eq:])
		inPath := false
		if start := eq - len(name); start > 0 && text[start-1] == ';' {
			if pathEnd < 0 {
				pathEnd = pathLen(text)
			}
			inPath = start <= pathEnd
		}
		n := valueEnd(text[i:], layers, inPath, prose)
		if n == 0 {
			if g.growth <= 0 {
				continue // there is nothing to replace, and no room
			}
			g.growth--
		}
		g.at = kept
		dst = g.appendText(dst, text[kept:i], as)
		dst = append(dst, redacted...)
		i += n
		kept = i
	}
	g.at = kept
	return g.appendText(dst, text[kept:], as)
}

// pathLen returns where the path of the URL that text begins with ends; a method may precede
// it. It returns 0 for a query alone.
func pathLen(text []byte) int {
	if i := bytes.IndexAny(text, "/=&"); i < 0 || text[i] != '/' {
		return 0
	}
	if i := bytes.IndexAny(text, "?#"); i >= 0 {
		return i
	}
	return len(text)
}

// userinfo is the user information of a URL in text, text[start:end]: what precedes the @ of a
// host, after two slashes, plain or escaped. start is len(text) for none.
type userinfo struct {
	text           []byte
	start, end     int
	query          int // offset of the first '?', len(text) for none, -1 for not yet known
	escaped, prose bool
}

// find finds the first user information in text[from:].
func (u *userinfo) find(from int) {
	text := u.text
	u.start, u.end = len(text), len(text)
	if !u.escaped && bytes.IndexByte(text[from:], '@') < 0 {
		return
	}
	for i := from; ; {
		if !u.escaped {
			n := bytes.Index(text[i:], twoSlashes)
			if n < 0 {
				return
			}
			i += n
		}
		for ; i < len(text); i++ {
			if c := text[i]; slashStarts[c] && (c == '/' || mayUnescape(text, i) || c == '\\' && text[i+1] == '/') {
				break
			}
		}
		if i == len(text) {
			return
		}
		slashes, layers := 0, 0
		for i < len(text) && slashStarts[text[i]] {
			w, n := slashLen(text[i:])
			if w == 0 {
				break
			}
			slashes, layers, i = slashes+1, n, i+w
		}
		if slashes == 0 {
			i++
		} else if slashes > 1 {
			if u.query < 0 {
				if u.query = bytes.IndexByte(text, '?'); u.query < 0 {
					u.query = len(text)
				}
			}
			if n := userinfoLen(text[i:], layers, i < u.query, u.prose); n > 0 {
				u.start, u.end = i, i+n
				return
			}
		}
	}
}

var twoSlashes = []byte("//")

// slashStarts are the bytes that a slash can begin with, see slashLen.
var slashStarts = [256]bool{'/': true, '\\': true, '%': true}

// slashLen returns the length of the slash that text begins with, 0 for none, and how often it
// was percent-encoded. JSON may write a slash as \/ (RFC 8259, section 7).
func slashLen(text []byte) (width, layers int) {
	switch text[0] {
	case '/':
		return 1, 0
	case '\\':
		if len(text) > 1 && text[1] == '/' {
			return 2, 0
		}
	}
	if mayUnescape(text, 0) {
		if c, w, n := unescapeLong(text); c == '/' && w > 1 {
			return w, min(n, maxLayers)
		}
	}
	return 0, 0
}

// maxLayers bounds the depths of encoding that are distinguished. Each depth can have a URL
// that has not ended yet, so this also bounds how often a byte is read.
const maxLayers = 4

// userinfoLen returns the length of what precedes the last @ of the authority that text begins
// with, 0 for none. layers is how often the slashes before it were percent-encoded. The path, a
// query or a fragment ends the authority, and so does an & that was encoded less often than the
// slashes. With whole false, as in a query, a plain & ends it too.
func userinfoLen(text []byte, layers int, whole, prose bool) int {
	at := 0
	for i := 0; i < len(text); {
		c, w, n := text[i], 1, 0
		if (c == '%' || c == '\\') && mayUnescape(text, i) {
			c, w, n = unescapeLong(text[i:])
		}
		switch c {
		case '@':
			at = i
		case '/', '?', '#':
			if min(n, maxLayers) <= layers {
				return at
			}
		case '&':
			if n < layers || n == 0 && !whole {
				return at
			}
		case ' ', '"':
			if prose && w == 1 {
				return at
			}
		case '\\':
			if i+1 < len(text) && (text[i+1] == '/' || prose && text[i+1] == '"') {
				return at
			}
			if w == 1 {
				w = 2 // skip the escaped byte
			}
		}
		i += w
	}
	return at
}

// nextEqual returns the offset and the width of the next '=' in text[from:], -1 for none. It
// may be percent-encoded, since a URL in a value has its own parameters. A plain '=' that no
// name in text[kept:] precedes is skipped. escaped is whether text may have escapes.
func nextEqual(text []byte, from, kept int, escaped bool) (at, width int) {
	if !escaped {
		for i := from; ; i++ {
			n := bytes.IndexByte(text[i:], '=')
			if n < 0 {
				return -1, 0
			}
			if i += n; i > kept && !endsName[text[i-1]] {
				return i, 1
			}
			for i+1 < len(text) && text[i+1] == '=' {
				i++
			}
		}
	}
	for i := from; i < len(text); i++ {
		switch text[i] {
		case '=':
			if i > kept && !endsName[text[i-1]] {
				return i, 1
			}
		case '%', '\\':
			if mayUnescape(text, i) {
				if c, w, _ := unescapeLong(text[i:]); c == '=' && w > 1 {
					return i, w
				}
			}
		}
	}
	return -1, 0
}

// escapeLayers returns how often the first byte of text was percent-encoded. A value ends only
// at a delimiter that was encoded no more often than its '=': %26 does not end one after a
// plain '='.
func escapeLayers(text []byte) int {
	if text[0] == '=' {
		return 0
	}
	_, _, layers := unescapeLong(text)
	return layers
}

// nameBefore returns the parameter name that text ends with: what follows the last byte that
// cannot be in a name.
func nameBefore(text []byte) []byte {
	for i := len(text) - 1; i >= 0; i-- {
		switch c := text[i]; c {
		case '%', '\\':
			if d, w := unescape(text[i:]); w > 1 {
				if endsName[d] {
					return text[i+w:]
				}
			} else if c == '\\' {
				return text[min(i+escapeLen(text[:i]), len(text)):]
			}
		default:
			if endsName[c] {
				return text[i+1:]
			}
		}
	}
	return text
}

var endsName = func() (t [256]bool) {
	for _, c := range []byte(`?&;#=/ "',:(<{`) {
		t[c] = true
	}
	return t
}()

// valueEnd returns the length of the value that text begins with. layers is how often its '='
// was percent-encoded. A quote right after the '=' is part of the value, and so is everything
// up to the closing quote.
func valueEnd(text []byte, layers int, inPath, prose bool) int {
	for i := quotedLen(text); i < len(text); i++ {
		switch c := text[i]; c {
		case '&':
			return i
		case '/', ';', '?', '#':
			if inPath {
				return i
			}
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

// quotedLen returns the length of the quoted string that text begins with: 0 for none,
// len(text) for an unterminated one. The closing quote has as many backslashes as the opening
// one.
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

// isRedacted reports whether r has a name, which may have escapes and capital letters. In
// name[sub] and name[] each part is looked up.
func (g *Guard) isRedacted(name []byte, r *treatment.Redact) bool {
	g.low = g.low[:0]
	for i := 0; i < len(name); {
		c, w := unescape(name[i:])
		i += w
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		if c == '[' || c == ']' {
			if r.Has(g.low) {
				return true
			}
			g.low = g.low[:0]
			continue
		}
		g.low = append(g.low, c)
	}
	return r.Has(g.low)
}
