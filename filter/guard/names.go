package guard

import (
	"bytes"
	"slices"
	"strings"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// A client's host name is a word like any other: in a malformed line only its position
// identifies it. These positions are replaced, whatever they hold:
//
//   - at the beginning of the line, each word before the first " - " or time stamp. Without
//     either, the first two words. If the line begins with a time stamp, the next two words,
//     unless a level or a process follows, as in error logs, or a level of PHP;
//   - anywhere, since one line can be written into another: the word before " -", with the
//     comma-separated list that it ends, and the two words before a time stamp in brackets,
//     unless a " - " precedes them, since they then are a user;
//   - the peer after "[client " and "[remote ", and after these words without a bracket if it
//     looks like a host;
//   - the value of each client key, written "KEY": or KEY: or KEY=, even if its closing quote
//     is missing;
//   - what is left of a line that another was written into: the word before ":PORT]" whose
//     bracket does not open there, the word before ", server: ", the end of a JSON value after
//     a '}', the value of a truncated key, and the value of a key that no quote opens or that
//     follows a colon.
//
// One case is not covered: the rest of a name that continues inside a quoted text of another
// line, as in "user_agent":"Mozilla/5.0 (X1.example.net", or right after it. Nothing marks it,
// so it stays.
//
// Brackets, quotes and a port around a word stay. A word stays whole if it has no letter, dot
// or colon, if it is a month before a day, or if it is a level or a process in brackets. In a
// line that begins with '{' and a quote, the first rule does not apply.
//
// The cost of a line is bounded: past 6 names and one for each 64 bytes, the rest of the line
// is replaced as well.

// names finds the client names in one malformed line.
type names struct {
	keys   format.ClientKeys
	line   []byte
	left   int    // spans that may still be added
	full   bool   // past the limit: the last span extends to the end of the line
	looked int    // wordsBefore has read line[:looked]
	all    []span // sorted by position
}

// span is line[start:end].
type span struct{ start, end int }

const (
	leadWords = 6   // at the beginning of a line, replaced one by one
	nearWords = 2   // taken where nothing delimits them
	maxReach  = 300 // bytes: a DNS name has at most 253, and a port follows
	maxKeyLen = 48
)

// find sets n.all to the names of line. It skips the known texts, since nothing in them marks a
// name.
func (n *names) find(line []byte, known []knownSpan) {
	n.line, n.left, n.full, n.looked, n.all = line, 6+len(line)/64, false, 0, n.all[:0]
	n.lead()
	for i, stamp := 0, 0; !n.full; {
		for len(known) > 0 && known[0].start < i {
			known = known[1:] // a name extends into it
		}
		to := len(line)
		if len(known) > 0 {
			to = known[0].start
		}
		for i < to && !nameStops[line[i]] {
			i++
		}
		if i >= to {
			if len(known) == 0 {
				return
			}
			i = known[0].end
			continue
		}
		switch line[i] {
		case ':', '=':
			if i > 0 && (n.keys.MayEnd(line[i-1]) || line[i-1] == '"' || isBlank(line[i-1])) {
				i = n.value(i)
				continue
			}
		case ']':
			if start := format.LostPeer(line, i); start >= 0 {
				n.word(start, i)
			}
		case '}':
			n.pieceBehind(i + 1)
		case ' ', '\t':
			rest := line[i+1:]
			switch {
			case len(rest) > 0 && rest[0] == '-', i > 0 && line[i-1] == ',' && bytes.HasPrefix(rest, nginxServer):
				n.wordsBefore(i, 1)
			case len(rest) > len("[22") && rest[0] == '[' && MayBeginStamp(rest[1]):
				if _, size := format.TimeStamp(rest[1:]); size > 0 {
					if !bytes.Contains(line[max(stamp, i-maxReach, 0):i], dashes) {
						n.wordsBefore(i, nearWords)
					}
					i += size
					stamp = i
				}
			case isPeer(line[:i]):
				i = n.peer(i)
				continue
			}
		}
		i++
	}
}

var nameStops = [256]bool{' ': true, '\t': true, ':': true, '=': true, ']': true, '}': true}

var dashes, peerWord, nginxServer = []byte(" - "), []byte("client"), []byte("server: ")

// pieceBehind adds the text from start, after the end of a JSON object, up to a quote. It is a
// value, or the end of one, of a line that the object was written into.
func (n *names) pieceBehind(start int) {
	for start < len(n.line) && (n.line[start] == ':' || n.line[start] == '"') {
		start++
	}
	end := start
	for end < len(n.line) && end-start < maxReach && (class[n.line[end]]&inName != 0 || n.line[end] == ':') {
		end++
	}
	if end < len(n.line) && n.line[end] == '"' && (end+1 == len(n.line) || n.line[end+1] != ':') {
		n.word(start, end)
	}
}

// lead adds the words at the beginning of the line, by the first rule above.
func (n *names) lead() {
	line := n.line
	if IsObject(line) {
		return
	}
	end := bytes.Index(line, dashes)
	if end < 0 {
		end = len(line)
	}
	bounded := end < len(line) // " - " or a stamp ends the lead
	searched := false          // a stamp was searched for after the first words
	stamped := false           // the line begins with a stamp
	words, named := 0, false
	for i := 0; i < end; {
		if isBlank(line[i]) {
			i++
			continue
		}
		if group := groupLen(line[i:end]); group > 0 {
			if stamped {
				return
			}
			i += group
			continue
		}
		if stamped && words == 0 && beginsPHP(line[i:]) {
			return
		}
		open := i
		for open < end && isOpening(line[open]) {
			open++
		}
		if open < end && MayBeginStamp(line[open]) {
			if _, size := format.TimeStamp(line[open:]); size > 0 {
				if named {
					return
				}
				stamped, words, end, i = true, 0, len(line), open+size
				for i < end && isClosing(line[i]) {
					i++
				}
				continue
			}
		}
		if stamped && (line[i] == '"' || words == nearWords) {
			return
		}
		if !stamped && !bounded && words == nearWords {
			return
		}
		next := i
		for next < end && !isBlank(line[next]) {
			next++
		}
		if !searched && !stamped && !isBare(line[i:next]) {
			searched = true
			if at := stampIn(line[:end], i+1); at >= 0 {
				end, bounded = at, true
				continue
			}
		}
		start, stop := n.core(i, next)
		if start == stop || i < start && line[start-1] == '[' && isPeer(line[start:stop]) {
			i = next
			continue
		}
		named = named || !isBare(line[start:stop]) && !n.isDate(start, stop) && !isClock(line[start:stop])
		if words++; words > leadWords && bounded && !stamped {
			n.add(i, end) // the rest as one
			return
		}
		n.word(i, next)
		i = next
	}
}

// isClock reports whether a word is a time of day, which syslog writes before the host.
func isClock(word []byte) bool {
	return len(word) == len("07:23:55") && word[2] == ':' && word[5] == ':' && isBare(word[:2]) && isBare(word[3:5]) && isBare(word[6:])
}

// IsObject reports whether line begins like a JSON object.
func IsObject(line []byte) bool {
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	line = bytes.TrimLeft(line[1:], " \t")
	return len(line) == 0 || line[0] == '"'
}

// stampIn returns the offset of the first time stamp in line[from:], or -1. from must not be 0.
func stampIn(line []byte, from int) int {
	for i := from; i < len(line); i++ {
		if MayBeginStamp(line[i]) && class[line[i-1]]&inHex == 0 && beginsStamp(line[i:]) {
			if _, n := format.TimeStamp(line[i:]); n > 0 {
				return i
			}
		}
	}
	return -1
}

// groupLen returns the length of the bracketed level, process or priority that b begins with,
// as in [core:error], [pid 12:tid 34], [12] and <134>, or 0 for none.
func groupLen(b []byte) int {
	closing := byte(']')
	switch b[0] {
	case '<':
		closing = '>'
	case '[':
	default:
		return 0
	}
	end := bytes.IndexByte(b[:min(len(b), 48)], closing)
	if end < 1 {
		return 0
	}
	in := b[1:end]
	in = bytes.TrimPrefix(in, []byte("pid "))
	if at := bytes.Index(in, []byte(":tid ")); at >= 0 && isBare(in[at+5:]) {
		in = in[:at]
	}
	if !isBare(in) {
		if b[0] == '<' || !isLevel(in[bytes.LastIndexByte(in, ':')+1:]) || bytes.IndexByte(in, '.') >= 0 {
			return 0
		}
	}
	return end + 1
}

// beginsPHP reports whether a message begins with one of PHP's levels (main/main.c,
// php_error_cb).
func beginsPHP(message []byte) bool {
	message, ok := bytes.CutPrefix(message, []byte("PHP "))
	level, _, both := bytes.Cut(message[:min(len(message), maxKeyLen)], []byte(":  "))
	if !ok || !both {
		return false
	}
	switch string(level) {
	case "Fatal error", "Recoverable fatal error", "Parse error", "Warning", "Notice", "Deprecated", "Strict Standards", "Unknown error":
		return true
	}
	return false
}

// isLevel reports whether b is a log level of httpd or nginx.
func isLevel(b []byte) bool {
	if len(b) == len("trace1") && class[b[5]]&inDigit != 0 {
		b = b[:5]
	}
	switch string(b) {
	case "emerg", "alert", "crit", "error", "warn", "notice", "info", "debug", "trace":
		return true
	}
	return false
}

// isBare reports whether a word can be neither a name nor an address: it is ASCII, and has no
// letter and none of . : % \ _.
func isBare(word []byte) bool {
	for _, c := range word {
		if !bare[c] {
			return false
		}
	}
	return true
}

var bare = func() (t [256]bool) {
	for c := range 0x80 {
		t[c] = (c|0x20 < 'a' || c|0x20 > 'z') && strings.IndexByte(`.:%\_`, byte(c)) < 0
	}
	return t
}()

// isRun reports whether a word is one run with two separators, which appendRuns replaces.
func isRun(word []byte) bool {
	seps := 0
	for i := 0; i < len(word); {
		c, width := word[i], 1
		if c == '%' || c == '\\' {
			c, width = unescape(word[i:])
		}
		if class[c]&(inHex|inSep) == 0 {
			return false
		}
		if class[c]&inSep != 0 {
			seps++
		}
		i += width
	}
	return seps >= 2
}

func isBlank(c byte) bool { return c == ' ' || c == '\t' || c == '\r' }

func isOpening(c byte) bool {
	return c == '[' || c == '(' || c == '{' || c == '<' || c == '"' || c == '\'' || c == '/'
}

func isClosing(c byte) bool {
	return c == ']' || c == ')' || c == '}' || c == '>' || c == '"' || c == '\'' || c == ',' || c == ';' || c == ':'
}

// add adds line[start:end], without what an earlier span covers.
func (n *names) add(start, end int) {
	to := len(n.all)
	for to > 0 && n.all[to-1].start >= end {
		to-- // lead found it, further on
	}
	at := to
	for at > 0 && n.all[at-1].start > start {
		at-- // lead found a part of this span: merge them
		end = max(end, n.all[at].end)
	}
	if at > 0 {
		start = max(start, n.all[at-1].end)
	}
	switch {
	case start >= end:
	case at < to:
		n.left += to - at - 1
		n.all = slices.Replace(n.all, at, to, span{start, end})
	case n.left == 0 && at < len(n.all):
		n.full = true
		n.all = append(n.all[:at], span{start, len(n.line)})
	case n.left == 0:
		n.full = true
		n.all[at-1].end = len(n.line)
	default:
		n.left--
		n.all = slices.Insert(n.all, at, span{start, end})
	}
}

// word adds the word line[start:end] without what core strips, unless it cannot be a name.
func (n *names) word(start, end int) {
	start, end = n.core(start, end)
	if !isBare(n.line[start:end]) && !n.isDate(start, end) {
		n.pieces(start, end)
	}
}

// client adds line[start:end], which is in a client's place, so that even a number counts.
func (n *names) client(start, end int) {
	start, end = n.core(start, end)
	if word := n.line[start:end]; string(word) != "-" && string(word) != "null" {
		n.pieces(start, end)
	}
}

// pieces adds line[start:end] except for separate addresses in it, which get their own
// pseudonyms.
func (n *names) pieces(start, end int) {
	word := n.line[start:end]
	if isRun(word) {
		return
	}
	kept := 0
	for s := (runs{text: word}); s.next(); {
		glued := s.start > 0 && class[word[s.start-1]]&inName != 0 || s.end < len(word) && class[word[s.end]]&inName != 0
		if _, ok := pseudonym.ParseAddr(word[s.start:s.end]); !ok || glued {
			continue
		}
		// Keep the byte on each side, which delimits the pseudonym of the address.
		if before := max(s.start-1, kept); !isBare(word[kept:before]) {
			n.add(start+kept, start+before)
		}
		kept = min(s.end+1, len(word))
	}
	if kept == 0 || !isBare(word[kept:]) {
		n.add(start+kept, end)
	}
}

// core strips brackets, quotes and punctuation from both ends of line[start:end], and a port or
// the number of a process from its end.
func (n *names) core(start, end int) (int, int) {
	for start < end && isOpening(n.line[start]) {
		start++
	}
	for start < end && isClosing(n.line[end-1]) {
		end--
	}
	word := n.line[start:end]
	if isRun(word) {
		return start, end
	}
	for at := len(word) - 1; at > 0; at-- {
		if word[at] == ':' || word[at] == '[' {
			if end = start + at; n.line[end-1] == ']' {
				end--
			}
			break
		}
		if !bare[word[at]] {
			break
		}
	}
	return start, end
}

// isDate reports whether line[start:end] is the name of a month or a weekday
// before a day, as in "Sun Nov 22".
func (n *names) isDate(start, end int) bool {
	if end-start != 3 || end+1 >= len(n.line) || n.line[end] != ' ' {
		return false
	}
	const all = "JanFebMarAprMayJunJulAugSepOctNovDecSunMonTueWedThuFriSat"
	at := bytes.Index([]byte(all), n.line[start:end])
	if at < 0 || at%3 != 0 {
		return false
	}
	next := n.line[end+1]
	return class[next]&inDigit != 0 || next == ' ' || at >= len("JanFebMarAprMayJunJulAugSepOctNovDec") && next >= 'A' && next <= 'Z'
}

// wordsBefore adds that many words before the blank at i. If the first of them ends a
// comma-separated list, as in X-Forwarded-For, it adds the rest of the list too.
func (n *names) wordsBefore(i, words int) {
	// What an earlier call read is already added, or holds no name. Reading it again would make
	// the time quadratic in the length of the line.
	line, from := n.line, n.looked
	if len(n.all) > 0 {
		from = max(from, n.all[len(n.all)-1].end)
	}
	n.looked = i
	start := i
	for {
		end := start
		for end > from && isBlank(line[end-1]) {
			end--
		}
		if words--; words < 0 && (end-1 <= from || line[end-1] != ',' || line[end-2] == '"') {
			break
		}
		start = end
		for start > from && isClosing(line[start-1]) {
			start--
		}
		for start > from && !isBlank(line[start-1]) && line[start-1] != '"' { // no name has a quote
			start--
		}
		if start == end || start > from && line[start-1] == '"' {
			break
		}
	}
	for start < i && !n.full {
		next := start
		for next < i && !isBlank(line[next]) {
			next++
		}
		n.word(start, next)
		for start = next; start < i && isBlank(line[start]); {
			start++
		}
	}
}

// isPeer reports whether a text ends in the word client or remote.
func isPeer(text []byte) bool {
	n := len(text) - len(peerWord)
	if n < 0 || n > 0 && class[text[n-1]]&inName != 0 {
		return false
	}
	switch string(text[n:]) {
	case "client", "remote", "Client", "Remote":
		return true
	}
	return false
}

// peer adds the peer after the blank at i, which the word client or remote precedes. It returns
// where find continues.
func (n *names) peer(i int) int {
	line := n.line
	start := i + 1
	bracketed := i > len(peerWord) && line[i-len(peerWord)-1] == '['
	end, near := start, line[:min(len(line), start+maxReach)]
	if bracketed {
		if k := bytes.IndexByte(near[start:], ']'); k >= 0 && bytes.LastIndexByte(near[start:start+k], '[') <= 0 {
			n.client(start, start+k)
			if name := start + k + len("] "); name < len(line) {
				n.word(name, name+format.RewriteName(line[:i], line[name:]))
			}
			return start + k
		}
	}
	for end < len(line) && !isBlank(line[end]) {
		end++
	}
	if bracketed || looksLikeHost(line[start:end]) {
		n.client(start, end)
		return beforeColon(line, start, end)
	}
	return start
}

// looksLikeHost reports whether a word of a message can be a host name: it ends in a comma, or
// has a dot or a colon before its last byte.
func looksLikeHost(word []byte) bool {
	if len(word) == 0 {
		return false
	}
	last := word[len(word)-1]
	return last == ',' || bytes.ContainsAny(word[:len(word)-1], ".:")
}

// shortEnds are more endings of client keys, which are too short to identify a key in a line
// that fits a format, see ClientKeys.Has. Each has the last byte of a built-in key, as
// ClientKeys.MayEnd requires.
var shortEnds = [...]string{"ip", "addr", "address", "for", "xff"}
