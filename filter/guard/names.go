package guard

import (
	"bytes"
	"slices"
	"strings"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// A client's host name is a word like any other. In a malformed line only its
// place can tell it, and what is replaced is whatever stands there:
//
//   - at the beginning of the line, each word before the first " - " or time
//     stamp; without either, the first two words; behind a time stamp that the
//     line begins with, the next two, unless a level or a process follows it,
//     as in error logs, or a level of PHP;
//   - anywhere, since one line can be written into another: the word before " -",
//     with the words of a list that it ends; and the two before a time stamp in
//     brackets, unless what stands there is a user, behind " - ";
//   - the peer behind "[client " and "[remote ", and behind these words alone
//     where it looks like a host;
//   - the value of each key of clients, "KEY": and KEY: and KEY=, closed or not;
//   - what one line that was written into another has cut off: the word before
//     ":PORT]" whose bracket does not open there, the one before ", server: ", and behind
//     a '}' the end of a JSON value, or the value of the end of a key; and the value of
//     what no quote opens, or follows a colon, in place of a key.
//
// Nothing tells the end of a name that goes on within a text of another line, as in
// "user_agent":"Mozilla/5.0 (X1.example.net", or behind its quote: it stays.
//
// Of a word, brackets, quotes and a port around it stay, and all of it does if it
// has no letter, dot or colon, is a month before a day, or a level or a process
// in brackets. A line that begins with '{' and a quote has no words but those of
// another line in it.
//
// What a line can cost is bounded: past 6 names and one for each 64 bytes, the rest
// of the line goes as well.

// names finds the places of one line.
type names struct {
	keys   format.ClientKeys
	line   []byte
	left   int    // how many may still be added
	full   bool   // there were more, and the last one goes to the end of the line
	looked int    // where wordsBefore has been
	all    []span // by position
}

// span is line[start:end].
type span struct{ start, end int }

const (
	leadWords = 6   // of the beginning of a line that are replaced one by one
	nearWords = 2   // where nothing tells how many words there are
	maxReach  = 300 // of DNS 253 bytes, and a port
	maxKeyLen = 48
)

// find sets n.all. In a known text nothing is found.
func (n *names) find(line []byte, known []knownSpan) {
	n.line, n.left, n.full, n.looked, n.all = line, 6+len(line)/64, false, 0, n.all[:0]
	n.lead()
	for i, stamp := 0, 0; !n.full; {
		for len(known) > 0 && known[0].start < i {
			known = known[1:] // a name goes into it
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

// pieceBehind adds what stands between the end of a JSON object and a quote: a value,
// or the end of one, that the object was written before.
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

// lead adds the words at the beginning of the line.
func (n *names) lead() {
	line := n.line
	if IsObject(line) {
		return
	}
	end := bytes.Index(line, dashes)
	if end < 0 {
		end = len(line)
	}
	bounded := end < len(line) // the lead is, by " - " or a stamp
	searched := false          // for a stamp behind the first words
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

// isClock reports whether a word is a time of day, as syslog has it before the host.
func isClock(word []byte) bool {
	return len(word) == len("07:23:55") && word[2] == ':' && word[5] == ':' && isBare(word[:2]) && isBare(word[3:5]) && isBare(word[6:])
}

// IsObject reports whether line begins as a JSON object does.
func IsObject(line []byte) bool {
	if len(line) == 0 || line[0] != '{' {
		return false
	}
	line = bytes.TrimLeft(line[1:], " \t")
	return len(line) == 0 || line[0] == '"'
}

// stampIn returns where in line[from:] the first time stamp begins, -1 for
// nowhere.
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

// groupLen is the length of the level, process or priority that b begins with, in
// brackets: [core:error], [pid 12:tid 34], [12], <134>; 0 for none.
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

// isLevel knows the levels of httpd and nginx.
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

// isBare reports whether a word has nothing of a name: no letter, dot or colon.
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

// isRun reports whether all of a word is replaced as a run.
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

// add adds line[start:end], but for what is in an earlier span.
func (n *names) add(start, end int) {
	to := len(n.all)
	for to > 0 && n.all[to-1].start >= end {
		to-- // lead has been further
	}
	at := to
	for at > 0 && n.all[at-1].start > start {
		at-- // and has found a part of it
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

// word adds what may be a name of the word line[start:end].
func (n *names) word(start, end int) {
	start, end = n.core(start, end)
	if !isBare(n.line[start:end]) && !n.isDate(start, end) {
		n.pieces(start, end)
	}
}

// client adds line[start:end], which can only be a client's.
func (n *names) client(start, end int) {
	start, end = n.core(start, end)
	if word := n.line[start:end]; string(word) != "-" && string(word) != "null" {
		n.pieces(start, end)
	}
}

// pieces adds line[start:end] without the addresses in it that stand apart, which
// have pseudonyms of their own.
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
		// What is beside it stays, so that its pseudonym ends there.
		if before := max(s.start-1, kept); !isBare(word[kept:before]) {
			n.add(start+kept, start+before)
		}
		kept = min(s.end+1, len(word))
	}
	if kept == 0 || !isBare(word[kept:]) {
		n.add(start+kept, end)
	}
}

// core returns the word without brackets, quotes and the like around it, and
// without a port or the number of a process.
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

// wordsBefore adds the words before the blank at i, and those of a list that
// the first of them ends, as of X-Forwarded-For.
func (n *names) wordsBefore(i, words int) {
	// What an earlier call has looked at is added, or nothing of a name: looking again
	// would take a time that grows with the square of the line.
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
		for start > from && !isBlank(line[start-1]) && line[start-1] != '"' { // which no name has
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

// peer adds what stands behind the blank at i, before which a word says that it
// is a client, and returns where to go on.
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

// looksLikeHost reports whether a word of a message can be a host name: a comma
// ends it, or a dot or a colon stands in it.
func looksLikeHost(word []byte) bool {
	if len(word) == 0 {
		return false
	}
	last := word[len(word)-1]
	return last == ',' || bytes.ContainsAny(word[:len(word)-1], ".:")
}

// shortEnds are ends of client keys besides those that ClientKeys.Has knows: too short to
// tell a key in a line that fits. Each ends as a built-in key does, see
// ClientKeys.MayEnd.
var shortEnds = [...]string{"ip", "addr", "address", "for", "xff"}
