package guard

import (
	"bytes"
	"strings"
)

// Versions of programs look like addresses. If the numbers can be an address, only the text
// around them identifies a version. These stay:
//
//   - in a user agent, numbers after a product and a slash (RFC 9110, section 10.1.5), after a
//     product and more words between slashes, or after rv:, as in Chrome/124.0.0.0,
//     HTC/Desire/1.27.163.1 and rv:1.9.0.2. The word must not be part of a URL;
//   - in a user agent, numbers after the name of a product, with a blank or nothing between, as
//     in Linux 2.6.8.1 and UCBrowser8.3.0.154. The first number must have one digit, and the
//     name must begin with a capital letter and not be a word that announces an address;
//   - in a user agent, digits and dots with five or more numbers, or with a number past 255
//     after the first, since no address has either;
//   - in a malformed line, numbers after a product and a slash, or after rv:, unless they can
//     be the client of a line that was written after the slash: see isBrokenVersion.
//
// Anything else that reads as an address is replaced, as in http://192.0.2.1/, (192.0.2.1),
// "for 192.0.2.1" and ip=192.0.2.1. IPv6 is replaced everywhere.

// maxProduct bounds the search for the beginning of a word, in bytes: a client may send nothing
// but slashes and numbers.
const maxProduct = 48

// isVersion reports whether the run text[start:end] of a user agent is a version.
func isVersion(text []byte, start, end int) bool {
	from := start // where the numbers begin
	if text[from] == ':' {
		return revisionStart(text, start) >= 0 && isNumbers(text, start+1, end) && !endsClient(text[end:])
	}
	for from < end && isLetter(text[from]) {
		from++ // the end of a name, as in UCWEB7.9.0.94
	}
	switch {
	case endsClient(text[end:]):
		return false
	case isNumbers(text, from, end) && (from == start && productStart(text, from) >= 0 || from+1 < end && text[from+1] == '.' && behindName(text, from)):
		return true
	}
	return isNoQuad(text, start, end)
}

// isBrokenVersion reports whether the run text[start:end] of a malformed line is the version of
// a product. If another line was written after the slash, its client looks like one. So a run
// that can end in an address is a version only if the text continues as it does after a
// version, or a quote or bracket closes. A run that can end in a piece of an address is one
// only if nothing follows that follows a client.
func isBrokenVersion(text []byte, start, end int) bool {
	from, before := start, -1
	if text[start] == ':' {
		from, before = start+1, revisionStart(text, start)
	} else {
		before = productStart(text, start)
	}
	if before <= 0 || !isNumbers(text, from, end) {
		return false
	}
	quad, rest := endsInQuad(text[from:end]), text[end:]
	if len(rest) == 0 {
		return !quad
	}
	switch c := rest[0]; {
	case c == '"', c == '\'', c == ')', isLetter(c), c == '_', c == '+':
		return true
	case c == '/':
		return !quad
	case c == ';':
		return len(rest) > 1 && (rest[1] == ' ' || rest[1] == ')')
	case c == '\\':
		return len(rest) > 1 && rest[1] == '"'
	case c == '-':
		i := 1
		for i < len(rest) && class[rest[i]]&inDigit != 0 {
			i++
		}
		return i < len(rest) && class[rest[i]]&inName != 0 && rest[i] != '-' // it may be a dashed address
	case c != ' ' || len(rest) == 1:
		return false
	}
	rest = rest[1:]
	if rest[0] == '(' {
		return true
	}
	word := 0
	for word < min(len(rest), maxProduct) && class[rest[word]]&inName != 0 {
		word++
	}
	if word == 0 || word == maxProduct || !isLetter(rest[0]) {
		return false
	}
	if quad {
		return word+1 < len(rest) && rest[word] == '/' && class[rest[word+1]]&inDigit != 0 && string(rest[:word]) != "Mozilla"
	}
	return !endsClient(rest[word:])
}

// endsClient reports whether the text before rest can be the client of a line, or a word after
// it: rest begins with an identity or a time stamp.
func endsClient(rest []byte) bool {
	return len(rest) > 1 && rest[0] == ' ' && (rest[1] == '[' || rest[1] == '-' && (len(rest) == 2 || rest[2] == ' '))
}

// isNumbers reports whether text[start:end] begins with a digit and has no colon.
func isNumbers(text []byte, start, end int) bool {
	return start < end && class[text[start]]&inDigit != 0 && bytes.IndexByte(text[start:end], ':') < 0
}

// endsInQuad reports whether the last four numbers of a run can be a client's address, which
// does not end in three zeros. The first of the four may have more digits before it.
func endsInQuad(run []byte) bool {
	numbers, end, zero := 0, len(run), true
	for i := len(run); ; i-- {
		if i > 0 && class[run[i-1]]&inDigit != 0 {
			continue
		}
		digits := run[i:end]
		if numbers++; numbers == 4 {
			return len(digits) > 0 && !zero
		}
		if len(digits) == 0 || len(digits) > 3 || len(digits) == 3 && string(digits) > "255" {
			return false
		}
		zero = zero && len(digits) == 1 && digits[0] == '0'
		if i == 0 || run[i-1] != '.' {
			return false
		}
		end = i - 1
	}
}

// wordStart returns the offsets of the last word of text[:end], which consists of name bytes
// and slashes, and of the first slash in it, -1 for none. start is -1 if the word is too long,
// or has two slashes in a row as a URL does.
func wordStart(text []byte, end int) (start, slash int) {
	start, slash = end, -1
	for start > 0 && (class[text[start-1]]&inName != 0 || text[start-1] == '/') {
		if start--; end-start > maxProduct {
			return -1, -1
		}
		if text[start] == '/' {
			if slash == start+1 {
				return -1, -1 // a URL
			}
			slash = start
		}
	}
	return start, slash
}

// productStart returns the offset of the product that text[:end] ends in, as in "HTC/" and
// "HTC/Desire/", or -1 for none. It begins the text or follows a byte of opensProduct, so it is
// not part of a URL. If more words follow the product, it has no dot, unlike a host.
func productStart(text []byte, end int) int {
	if end < 2 || text[end-1] != '/' {
		return -1
	}
	start, slash := wordStart(text, end)
	if start < 0 || start == slash || class[text[start]]&inDigit != 0 || start > 0 && !opensProduct(text[start-1]) ||
		slash != end-1 && bytes.IndexByte(text[start:slash], '.') >= 0 {
		return -1
	}
	return start
}

// opensProduct reports whether c can precede a product.
func opensProduct(c byte) bool {
	switch c {
	case ' ', '(', ';', ',', '"', '\'', '\n':
		return true
	}
	return false
}

// behindName reports whether the name of a product precedes the numbers at from. Its last
// letters may be part of the run, which begins at start.
func behindName(text []byte, from int) bool {
	end := from
	switch {
	case from == 0:
		return false
	case text[from-1] == ' ':
		end--
	case !isLetter(text[from-1]) && text[from-1] != '_':
		return false // may be a dashed address
	}
	name := end
	for name > 0 && class[text[name-1]]&inName != 0 {
		if name--; end-name > maxProduct {
			return false
		}
	}
	switch {
	case name == end:
		return false
	case name == 0 || opensProduct(text[name-1]) || text[name-1] == ')':
	case text[name-1] != '/' || productStart(text, name) < 0 && !(name > 1 && text[name-2] == ')'):
		return false
	}
	if end == name+1 {
		return end == from && (text[name] == 'v' || text[name] == 'V')
	}
	return 'A' <= text[name] && text[name] <= 'Z' && !announcesAddress(text[name:end])
}

// revisionStart returns the offset of the "rv" that text[:end] ends in, which Gecko writes
// before its revision, or -1 for none.
func revisionStart(text []byte, end int) int {
	at := end - len("rv")
	if at < 0 || string(text[at:end]) != "rv" || at > 0 && !opensProduct(text[at-1]) {
		return -1
	}
	return at
}

// isNoQuad reports whether text[start:end] is digits and dots that cannot be an address: it has
// five or more numbers, or one past 255 after the first. The first may have more digits before
// it. No escape or dash may adjoin it, since with that it could be another address. Nor may it
// follow a word that announces an address.
func isNoQuad(text []byte, start, end int) bool {
	if start > 0 && (isLetter(text[start-1]) || class[text[start-1]]&inEscape != 0 || text[start-1] == '-') ||
		end < len(text) && (class[text[end]]&inEscape != 0 || text[end] == '-') {
		return false
	}
	numbers, value, large := 0, -1, false
	for _, c := range text[start:end] {
		switch {
		case class[c]&inDigit != 0:
			if value < 0 {
				numbers, value = numbers+1, 0
			}
			value = min(10*value+int(c-'0'), 1<<16)
			large = large || numbers > 1 && value > 255
		case c != '.':
			return false
		default:
			value = -1
		}
	}
	return (numbers > 4 || large) && !behindAnnouncement(text, start)
}

// addressWords are endings of words that announce an address, and shortWords are whole words
// that do.
var (
	addressWords = [...]string{"ip", "ipv4", "addr", "address", "client", "remote", "host", "peer", "proxy", "user", "server", "node", "gateway", "forwarded"}
	shortWords   = [...]string{"for", "from", "by", "via", "at", "to", "of"}
)

func announcesAddress(word []byte) bool {
	for _, end := range addressWords {
		if n := len(word) - len(end); n >= 0 && strings.EqualFold(string(word[n:]), end) {
			return true
		}
	}
	for _, end := range shortWords {
		if n := len(word) - len(end); n >= 0 && (n == 0 || !isLetter(word[n-1])) && strings.EqualFold(string(word[n:]), end) {
			return true
		}
	}
	return false
}

// behindAnnouncement reports whether a word that announces an address precedes text[start:],
// with at most two bytes between that are in no name.
func behindAnnouncement(text []byte, start int) bool {
	end := start
	for end > 0 && start-end < 2 && class[text[end-1]]&inName == 0 {
		end--
	}
	word := end
	for word > 0 && end-word < maxProduct && class[text[word-1]]&inName != 0 {
		word--
	}
	return announcesAddress(text[word:end])
}
