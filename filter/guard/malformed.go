package guard

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/treatment"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// A malformed line fits no format: it is garbage, a line of another log, or two long lines that
// were written into each other, which can cut an address in two. Nothing in it is certain to be
// what it seems. So every run of hexadecimal digits, dots and colons with two separators is
// replaced, except in well-formed time stamps, and so is whatever is in the place of a client's
// name, see names.

// ReadMalformed reads a malformed line, for AppendMalformed. raw is the line with its NUL
// bytes, nil if it has none. It returns the newest date of the line's time stamps, so that an
// old date that a client made up cannot make the line expire.
func (g *Guard) ReadMalformed(line, raw []byte) (day civil.Day, ok bool) {
	g.raw, g.rawAt = raw, 0
	g.know(line)
	g.readStamps(line)
	day, ok, _ = stampDays(line, g.stamps)
	return day, ok
}

// FindStamps finds the time stamps of a line that is not malformed, for Stamps.
func (g *Guard) FindStamps(line []byte) {
	g.known = g.known[:0] // of another line
	g.readStamps(line)
}

// Stamps returns the time stamps of the line that FindStamps or ReadMalformed read last,
// including those that begin within another one. It is valid until the next of these calls.
func (g *Guard) Stamps() []Stamp { return g.stamps }

// AppendMalformed appends the malformed line that ReadMalformed read last, with its NUL bytes.
// The caller must have called Begin.
func (g *Guard) AppendMalformed(dst, line []byte, r *treatment.Redact) []byte {
	g.names.find(line, g.known)
	g.nth = 0
	dst = g.appendRedacted(dst, line, r, brokenText, true)
	g.names.all, g.raw = g.names.all[:0], nil
	return dst
}

// appendBroken appends a text of a malformed line, which begins at offset g.at of the line.
func (g *Guard) appendBroken(dst, text []byte) []byte {
	at, end := g.at, g.at+len(text)
	for g.nth < len(g.names.all) {
		name := g.names.all[g.nth]
		if name.start >= end {
			break
		}
		if name.start >= at {
			dst = g.appendRuns(dst, text[at-g.at:name.start-g.at], at)
			dst = g.appendPlaced(dst, g.names.line[name.start:name.end])
		}
		at = min(max(at, name.end), end)
		if name.end > end {
			break // the next text has the rest of it, which is already replaced
		}
		g.nth++
	}
	return g.appendRuns(dst, text[at-g.at:], at)
}

// appendPlaced appends the pseudonym of a text in a client's place, or "-" past the bounds.
func (g *Guard) appendPlaced(dst, name []byte) []byte {
	switch {
	case g.Cipher.KeepsAddresses():
		return append(dst, name...)
	case !g.affords(len(name)) || len(name) > MaxName:
		return append(dst, struck...)
	}
	start := len(dst)
	dst, _ = g.AppendClient(dst, name)
	g.work -= max(g.Cipher.Cost(pseudonym.Addr{}), pseudonym.NameCost(len(name)))
	g.growth -= len(dst) - start - len(name)
	return dst
}

// appendRuns appends a text of a malformed line that has no names. at is its offset in the
// line.
func (g *Guard) appendRuns(dst, text []byte, at int) []byte {
	kept := 0
	for s := (runs{text: text, at: at, known: g.known}); s.next(); {
		if !s.escaped && namesNobody(text, s.start, s.end) {
			continue
		}
		dst = g.appendKeptOf(dst, text[kept:s.start], at+kept)
		kept = s.end
		if s.end-s.start > MaxName*len("%253A") {
			dst = append(dst, struck...)
			continue
		}
		run := text[s.start:s.end]
		if s.escaped {
			g.decode(text, s.start, s.end, false)
			run = g.run
		}
		a := found{end: len(run)}
		a.addr, a.exact = pseudonym.ParseAddr(run)
		if !a.exact && !s.escaped {
			a = bareRun(run)
		}
		dst = g.appendKeptOf(dst, run[:a.start], at+s.start)
		dst = g.appendFound(dst, run[a.start:a.end], a, s.end-s.start-a.start-(len(run)-a.end))
		if g.spent() {
			return dst
		}
		dst = g.appendKeptOf(dst, run[a.end:], at+s.start+a.end)
	}
	return g.appendKeptOf(dst, text[kept:], at+kept)
}

// bareRun returns the address in a run that has nothing else but a port after IPv4, or the dots
// and colons of a sentence, so that it gets the same pseudonym as elsewhere. Any other run it
// returns whole, as no exact address.
func bareRun(run []byte) found {
	start, end := 0, len(run)
	for start < end && run[start] == '.' || start+1 < end && run[start] == ':' && run[start+1] != ':' {
		start++
	}
	for start < end && run[end-1] == '.' || start < end-1 && run[end-1] == ':' && run[end-2] != ':' {
		end--
	}
	core := run[start:end]
	if at := bytes.IndexByte(core, ':'); at > 0 && len(core)-at <= len(":65535") && isPort(core[at:]) {
		end, core = start+at, core[:at]
	}
	if a, ok := pseudonym.ParseAddr(core); ok {
		return found{start, end, a, true}
	}
	return found{end: len(run)}
}

// namesNobody reports whether the run text[start:end] is no part of an address: it has no
// digit, hexadecimal ones included; it is a time of day or a version; or, between words, it is
// two colons, as in Foo::bar, or a number that no group of IPv6 can be, as in
// error:0A000086:SSL.
func namesNobody(text []byte, start, end int) bool {
	run := text[start:end]
	if isClock(run[:min(len(run), len("07:23:55"))]) && run[0] <= '2' && run[3] <= '5' && run[6] <= '6' {
		rest := run[len("07:23:55"):]
		return len(rest) == 0 || rest[0] == '.' && isBare(rest[1:])
	}
	return len(bytes.Trim(run, ".:")) == 0 || isQualified(text, start, end) || isErrorCode(text, start, end) || isBrokenVersion(text, start, end)
}

// isErrorCode reports whether text[start:end] is an OpenSSL error number between two colons,
// with words around them.
func isErrorCode(text []byte, start, end int) bool {
	const size = len(":0A000086:")
	return end-start == size && text[start] == ':' && text[end-1] == ':' && !bytes.ContainsAny(text[start+1:end-1], ".:") &&
		isWordByte(text, start-1) && isWordByte(text, end)
}

// isQualified reports whether text[start:end] is the "::" of a qualified name, with at most
// letters around it. On one side at least the name must continue with a letter that is no
// hexadecimal digit, which no address has beside it.
func isQualified(text []byte, start, end int) bool {
	colons := bytes.Index(text[start:end], []byte("::"))
	if colons < 0 {
		return false
	}
	for i, c := range text[start:end] {
		if class[c]&inDigit != 0 || class[c]&inSep != 0 && (i < colons || i > colons+1) {
			return false
		}
	}
	return isWordByte(text, start-1) || isWordByte(text, end)
}

// isWordByte reports whether text[i] is a letter past f, or '_', and not part of an escape.
func isWordByte(text []byte, i int) bool {
	if i < 0 || i >= len(text) || class[text[i]]&(inName|inHex|inSep) != inName || text[i] == '-' || text[i] == '+' {
		return false
	}
	return i == 0 || text[i-1] != '\\' && text[i-1] != '%'
}

// WithoutNUL returns line without its NUL bytes, valid until the next call. NUL bytes, of
// UTF-16 or left in a file by a crash, must not hide an address.
func (g *Guard) WithoutNUL(line []byte) []byte {
	n := bytes.IndexByte(line, 0)
	if n < 0 {
		return line
	}
	if cap(g.text) > maxText {
		g.text = nil
	}
	g.text = append(g.text[:0], line[:n]...)
	for _, c := range line[n:] {
		if c != 0 {
			g.text = append(g.text, c)
		}
	}
	return g.text
}

// maxText bounds the memory that is kept from one line to the next.
const maxText = 64 << 10

// appendKeptOf appends a text whose only addresses are dashed ones, and replaces these. at is
// its offset in the line without NUL bytes.
func (g *Guard) appendKeptOf(dst, text []byte, at int) []byte {
	for may := mayBeDashed(text); may && len(text) >= minDashed; {
		d, ok := nextDashed(text)
		if !ok {
			break
		}
		from := escapeStart(text, d.start)
		if dst = g.appendDashed(g.appendWithNUL(dst, text[:from], at), text[from:d.end], d); g.spent() {
			return dst
		}
		text, at = text[d.end:], at+d.end
	}
	return g.appendWithNUL(dst, text, at)
}

// mayBeDashed is a quick test that reports false for most texts without a dashed address.
func mayBeDashed(text []byte) bool {
	if bytes.IndexByte(text, '%') >= 0 || bytes.IndexByte(text, '\\') >= 0 {
		return true
	}
	between := 0 // digits
	for i := 0; ; i++ {
		n := bytes.IndexByte(text[i:], '-')
		if n < 0 || i+n+1 >= len(text) {
			return false
		}
		if i += n; i > 0 && class[text[i-1]]&class[text[i+1]]&inDigit != 0 {
			if between++; between == 3 {
				return true
			}
		}
	}
}

// appendWithNUL appends a text with the NUL bytes in it and around it. at is its offset in the
// line without NUL bytes.
func (g *Guard) appendWithNUL(dst, text []byte, at int) []byte {
	if g.raw == nil {
		return append(dst, text...)
	}
	for len(g.raw) > 0 && (g.raw[0] == 0 || g.rawAt < at+len(text)) {
		c := g.raw[0]
		if g.raw = g.raw[1:]; g.rawAt >= at {
			dst = append(dst, c)
		}
		if c != 0 {
			g.rawAt++
		}
	}
	return dst
}

// Stamp is a well-formed time stamp, line[start:end].
type Stamp struct {
	Start, End int
	Day        civil.Day
}

// appendStamps appends all time stamps of a line to dst, including those that begin within
// another one. It skips known texts, which have none.
func appendStamps(dst []Stamp, line []byte, known []knownSpan) []Stamp {
	for i := 0; i < len(line); i++ {
		if len(known) > 0 && i >= known[0].start {
			i, known = known[0].end, known[1:] // a quote
			continue
		}
		if MayBeginStamp(line[i]) && beginsStamp(line[i:]) {
			if day, n := format.TimeStamp(line[i:]); n > 0 {
				dst = append(dst, Stamp{i, i + n, day})
			}
		}
	}
	return dst
}

// readStamps sets g.stamps to the time stamps of a line.
func (g *Guard) readStamps(line []byte) {
	if cap(g.stamps) > maxText/len("2026-11-22") {
		g.stamps = nil
	}
	g.stamps = appendStamps(g.stamps[:0], line, g.known)
}

// StampDay returns the newest date of all well-formed time stamps in a line or a piece of one.
func StampDay(line []byte) (day civil.Day, ok bool) {
	var few [8]Stamp
	day, ok, _ = stampDays(line, appendStamps(few[:0], line, nil))
	return day, ok
}

// OnlyDay returns the date of all well-formed time stamps of a line. ok is false if their dates
// differ, or if there are none.
func OnlyDay(line []byte) (day civil.Day, ok bool) {
	var few [8]Stamp
	day, ok, differ := stampDays(line, appendStamps(few[:0], line, nil))
	return day, ok && !differ
}

// stampDays returns the newest date of the time stamps of a line, and whether their dates
// differ. It skips a stamp that overlaps an earlier one or adjoins a run.
func stampDays(line []byte, stamps []Stamp) (newest civil.Day, ok, differ bool) {
	next := 0
	for _, s := range stamps {
		if s.Start < next || inRun(line, s.Start-1) || inRun(line, s.End) {
			continue
		}
		differ = differ || ok && s.Day != newest
		if !ok || s.Day > newest {
			newest, ok = s.Day, true
		}
		next = s.End
	}
	return newest, ok, differ
}

// runs iterates over the runs of a text that have two separators or more, escaped ones
// included, except for those of time stamps.
type runs struct {
	text       []byte
	start, end int  // the run is text[start:end]
	escaped    bool // it has escapes, or ends before one
	mode       runsMode

	known []knownSpan // of the line; text begins at offset at of it
	at    int
	nth   int // index of the next run of known[0], if text[end] is in it
}

type runsMode uint8

const (
	unknownText runsMode = iota // not yet searched for escapes
	plainRuns
	escapedRuns
)

func (s *runs) next() bool {
	if s.mode == unknownText {
		s.mode = plainRuns
		if mayHaveEscape(s.text) {
			s.mode = escapedRuns
		}
	}
	if s.mode == escapedRuns {
		return s.nextEscaped()
	}
	for len(s.known) > 0 {
		k := &s.known[0]
		start, end := k.start-s.at, k.end-s.at
		switch {
		case start < s.end && s.nth == 0 || end > len(s.text): // only part of it is left
		case s.nth == 0 && s.nextPlain(start):
			return true
		case s.nth < int(k.n):
			r := &k.runs[s.nth]
			s.start, s.end = start+int(r.start), start+int(r.end)
			s.nth++
			return true
		default:
			s.end = end
		}
		s.known, s.nth = s.known[1:], 0
	}
	return s.nextPlain(len(s.text))
}

// nextPlain is next for text[:to], which has no escapes and does not end within a run.
func (s *runs) nextPlain(to int) bool {
	text := s.text[:to]
	for i := s.end; ; {
		state := uint8(0)
		for ; i < len(text); i++ {
			step := &runSteps[text[i]]
			if state = state&step.keep + step.add; state >= 2 {
				break
			}
		}
		if i >= len(text) {
			s.end = len(text)
			return false
		}
		start := i
		for start > s.end && inRun(text, start-1) {
			start--
		}
		for i < len(text) && inRun(text, i) {
			i++
		}
		if !endsCLF(text, start, i) {
			s.start, s.end = start, i
			return true
		}
	}
}

// runSteps[c] is how the byte c changes the number of separators: a mask of what to keep, and
// what to add.
var runSteps = func() (t [256]struct{ keep, add uint8 }) {
	for c := range t {
		if class[c]&(inHex|inSep) != 0 {
			t[c].keep, t[c].add = 0xff, class[c]/inSep&1
		}
	}
	return t
}()

// mayHaveEscape is a quick test that reports false for most texts without escapes.
func mayHaveEscape(text []byte) bool {
	for _, c := range []byte(`%\`) {
		for i := 0; ; i++ {
			n := bytes.IndexByte(text[i:], c)
			if n < 0 {
				break
			}
			if i += n; mayUnescape(text, i) {
				return true
			}
		}
	}
	return false
}

// endsCLF reports whether the run text[start:end] is the year and the time of a stamp as
// %t writes it. The times of all other stamps are times of day, see namesNobody.
func endsCLF(text []byte, start, end int) bool {
	const before = len("22/Nov/")
	if end-start != len("2026:07:23:55") || start < before || text[start-1] != '/' {
		return false
	}
	at := start - before
	_, n := format.TimeStamp(text[at:])
	return at+n > end && !inRun(text, at-1) && !inRun(text, at+n)
}

// nextEscaped is next for any text, and the reference of the faster nextPlain, see FuzzRuns.
func (s *runs) nextEscaped() bool {
	for i := s.end; ; {
		for ; i < len(s.text); i++ {
			if c := class[s.text[i]]; c&(inHex|inSep|inStamp) != 0 || c&inEscape != 0 && mayUnescape(s.text, i) {
				break
			}
		}
		if i >= len(s.text) {
			break
		}
		if MayBeginStamp(s.text[i]) && beginsStamp(s.text[i:]) {
			if _, n := format.TimeStamp(s.text[i:]); n > 0 && !inRun(s.text, i-1) && !inRun(s.text, i+n) {
				i += n
				continue
			}
		}
		start, seps := i, 0
		s.escaped = false
		for i < len(s.text) {
			c, w := s.text[i], 1
			if class[c]&inEscape != 0 && mayUnescape(s.text, i) {
				c, w, _ = unescapeLong(s.text[i:])
				s.escaped = s.escaped || w > 1
			}
			if class[c]&(inHex|inSep) == 0 {
				if start == i || seps < 2 && (w > 1 || class[c]&inEscape != 0) {
					i += w
				}
				break
			}
			seps += int(class[c] / inSep & 1)
			i += w
		}
		if seps >= 2 {
			s.start, s.end = start, i
			return true
		}
	}
	s.end = len(s.text)
	return false
}

// MayBeginStamp reports whether c is a digit or begins the name of a weekday.
func MayBeginStamp(c byte) bool { return class[c]&inStamp != 0 }

// beginsStamp is a quick test of whether a text may begin with a time stamp: it looks at the
// first byte, and at what ends the day or the year.
func beginsStamp(text []byte) bool {
	if len(text) < len("2026-11-22") {
		return false
	}
	if class[text[0]]&inDigit != 0 {
		return text[2] == '/' || text[4] == '-' || text[4] == '/' || text[2] == '-' && text[6] == '-'
	}
	return text[3] == ' ' && 'A' <= text[0] && text[0] <= 'Z'
}

// inRun reports whether there is a byte at i that can be part of a run.
func inRun(text []byte, i int) bool {
	return i >= 0 && i < len(text) && class[text[i]]&(inHex|inSep) != 0
}
