package guard

import (
	"bytes"
	"strings"
)

// Versions of programs look like addresses. What stays as one is told by what stands
// beside it, never by its numbers alone where they can be an address:
//
//   - in a user agent, what follows a product and a slash (RFC 9110, section 10.1.5), or a
//     product and more words between slashes, and rv:, as in Chrome/124.0.0.0,
//     HTC/Desire/1.27.163.1 and rv:1.9.0.2. The word is no part of a URL;
//   - in a user agent, behind the name of a product with a blank or nothing between, as in
//     Linux 2.6.8.1 and UCBrowser8.3.0.154, what begins with a number of one digit. A name
//     begins with a capital letter, and none is a word that announces an address;
//   - in a user agent, of digits and dots, what has five numbers and more, or one past 255
//     behind the first, since no address has;
//   - in a malformed line, what follows a product and a slash, or rv:, unless it can be the
//     client of a line that was written behind the slash: see isBrokenVersion.
//
// All else that reads as an address is replaced, as in http://192.0.2.1/, (192.0.2.1),
// "for 192.0.2.1" and ip=192.0.2.1, and IPv6 wherever it stands.

// maxProduct bounds how far the beginning of a word is looked for: a client may write
// nothing but slashes and numbers.
const maxProduct = 48

// isVersion reports whether the run text[start:end] of a user agent is a version.
func isVersion(text []byte, start, end int) bool {
	from := start // where the numbers begin
	if text[from] == ':' {
		return revisionStart(text, start) >= 0 && isNumbers(text, start+1, end) && !endsClient(text[end:])
	}
	for from < end && isLetter(text[from]) {
		from++ // the end of a name, as of UCWEB7.9.0.94
	}
	switch {
	case endsClient(text[end:]):
		return false
	case isNumbers(text, from, end) && (from == start && productStart(text, from) >= 0 || from+1 < end && text[from+1] == '.' && behindName(text, start, from)):
		return true
	}
	return isNoQuad(text, start, end)
}

// isBrokenVersion reports whether the run text[start:end] of a malformed line is the
// version of a product. Another line may have been written behind the slash, and its
// client then seems to be one. So what can end in an address is a version only where
// the text goes on as it does behind one, or a quote or bracket closes; and what can end
// in a piece of one only where nothing follows that stands behind a client.
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

// endsClient reports whether what stands before rest can be the client of a line, or a word
// behind it: an identity or a time stamp follows.
func endsClient(rest []byte) bool {
	return len(rest) > 1 && rest[0] == ' ' && (rest[1] == '[' || rest[1] == '-' && (len(rest) == 2 || rest[2] == ' '))
}

// isNumbers reports whether text[start:end] begins with a digit and has no colon.
func isNumbers(text []byte, start, end int) bool {
	return start < end && class[text[start]]&inDigit != 0 && bytes.IndexByte(text[start:end], ':') < 0
}

// endsInQuad reports whether the last four numbers of a run can be the address of a
// client: that has not three zeros at its end. The first of the four may have other digits
// before it.
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

// wordStart returns where the word begins that text[:end] ends in, of the bytes of names
// and slashes, -1 for one that is too long, and where its first slash stands.
func wordStart(text []byte, end int) (start, slash int) {
	start, slash = end, -1
	for start > 0 && (class[text[start-1]]&inName != 0 || text[start-1] == '/') {
		if start--; end-start > maxProduct {
			return -1, -1
		}
		if text[start] == '/' {
			if slash == start+1 {
				return -1, -1 // of a URL
			}
			slash = start
		}
	}
	return start, slash
}

// productStart returns where the product begins that text[:end] ends in, with a slash and
// perhaps more words with one, -1 for none. It stands behind a blank, a quote or an opening
// bracket, so that it is none of a URL; where more words follow, it has no dot, as a host has.
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

// opensProduct reports whether c can stand before a product.
func opensProduct(c byte) bool {
	switch c {
	case ' ', '(', ';', ',', '"', '\'', '\n':
		return true
	}
	return false
}

// behindName reports whether the numbers at from stand behind the name of a product, of
// which the run from start on has the last letters, perhaps.
func behindName(text []byte, start, from int) bool {
	end := from
	switch {
	case from == 0:
		return false
	case text[from-1] == ' ':
		end--
	case !isLetter(text[from-1]) && text[from-1] != '_':
		return false // of an address with dashes, perhaps
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

// revisionStart returns where the "rv" begins that text[:end] ends in, as Gecko writes it
// before its revision, -1 for none.
func revisionStart(text []byte, end int) int {
	at := end - len("rv")
	if at < 0 || string(text[at:end]) != "rv" || at > 0 && !opensProduct(text[at-1]) {
		return -1
	}
	return at
}

// isNoQuad reports whether text[start:end] has five numbers and more, or one past 255
// behind the first, and nothing but digits and dots. The first one may have other digits
// before it. Neither may be part of an escape, nor of an address with dashes: what is
// beside it then could be another address. Nor does it stand behind a word that announces
// an address.
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

// addressWords end the words behind which an address may stand, and shortWords are such
// words.
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

// behindAnnouncement reports whether a word that announces an address stands before
// text[start:], with a byte between that is in no name, or two.
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
