// Package guard rewrites a text so that it may be stored: it replaces the addresses in it, and
// a client's host name, by pseudonyms of the day, and strikes out secrets. The rewriter of
// package filter passes it the fields of a line one by one, and a malformed line whole;
// freetext passes it what a person typed.
//
// The package deals with texts only, not with line formats, days or streams. A [Guard] holds
// the state of one line, from one Begin to the next. A [Cipher] makes the pseudonyms of one day
// under one key, and caches the clients that it met lately. A [Client] that a Guard returns is
// valid until the next call of the same Guard or Cipher.
//
// All methods append, and allocate nothing once their buffers have grown. None of them may be
// called by two goroutines at once.
package guard

import (
	"bytes"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/machine"
)

// The leak guard replaces every address in a text, in place. It looks at runs: the longest
// stretches of hexadecimal digits, dots and colons. If a run is an address, perhaps with a port
// or punctuation around it, the address's pseudonym replaces the address. If digits adjoin an
// address, so that nobody can tell where it begins, the whole run is replaced. "::" alone is
// nobody's address, and stays.

const (
	inDigit = 1 << iota
	inHex   // a hexadecimal digit, decimal ones included
	inSep   // dot or colon
	inName  // may be in a product name of a user agent
	inStamp // may begin a time stamp: a digit, or the first letter of a weekday
	inEscape
)

var class = func() (t [256]uint8) {
	for c := range 256 {
		switch {
		case '0' <= c && c <= '9':
			t[c] = inDigit | inHex | inName | inStamp
		case 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
			t[c] = inHex | inName
		case 'g' <= c && c <= 'z', 'G' <= c && c <= 'Z', c == '_', c == '-', c == '+':
			t[c] = inName
		case c == '.':
			t[c] = inSep | inName
		case c == ':':
			t[c] = inSep
		case c == '%', c == '\\':
			t[c] = inEscape
		}
	}
	for _, c := range []byte("SMTWF") {
		t[c] |= inStamp
	}
	return t
}()

// IsRunByte reports whether c can be part of an address: a hexadecimal digit, a dot or a colon.
func IsRunByte(c byte) bool { return class[c]&(inHex|inSep) != 0 }

// IsNameByte reports whether c can be part of the name of a product or a host.
func IsNameByte(c byte) bool { return class[c]&inName != 0 }

// Guard rewrites the texts of one line under one day's cipher, within the bounds that Begin
// set. The zero Guard is ready for texts of known lines.
type Guard struct {
	Cipher *Cipher // of the line's day; the caller sets it before it appends anything

	bounds
	named Client // the last client by a host name
	first Client // the first one in a list

	decodedRun
	spare decodedRun // replaces decodedRun while escapes are read a second time
	low   []byte     // scratch, for names of parameters

	brokenLine
}

// New returns a Guard for lines in which these keys name clients. texts caches the quoted
// texts of malformed lines; if it is nil, each is read anew.
func New(keys format.ClientKeys, texts *QuotedTexts) Guard {
	return Guard{brokenLine: brokenLine{quoted: texts, names: names{keys: keys}}}
}

// brokenLine is the state of a malformed line.
type brokenLine struct {
	quoted *QuotedTexts // nil: nothing is cached, which gives the same output
	known  []knownSpan  // cached texts in the line, by position
	stamps []Stamp      // its time stamps, see appendStamps
	names  names
	nth    int    // index in names.all of the next name
	at     int    // offset in the line of the text that is appended
	text   []byte // the line without its NUL bytes, if it had any
	raw    []byte // the line with its NUL bytes, from the first byte not yet appended; nil if it has none
	rawAt  int    // where in text raw begins
}

// decodedRun is a run without its escapes.
type decodedRun struct {
	run []byte
	pos []int // the offset in the text of each byte of run, and of its end
}

// strictness is which runs the guard replaces.
type strictness uint8

const (
	plainText  strictness = iota
	agentText             // of a user agent: versions such as Name/1.2.3.4 stay
	brokenText            // of a malformed line: all that may be a piece of an address is replaced
)

// AppendText appends text with its addresses replaced.
func (g *Guard) AppendText(dst, text []byte) []byte { return g.appendText(dst, text, plainText) }

// AppendAgent is AppendText for a user agent, in which versions such as Name/1.2.3.4 stay.
func (g *Guard) AppendAgent(dst, text []byte) []byte { return g.appendText(dst, text, agentText) }

func (g *Guard) appendText(dst, text []byte, as strictness) []byte {
	if as == brokenText {
		return g.appendBroken(dst, text)
	}
	if machine.CannotHoldAddress(text, '%') {
		return append(dst, text...) // nextStop would find nothing
	}
	at := nextStop(text, 0, stopRun|stopEscape|stopDashed)
	if at == len(text) {
		return append(dst, text...)
	}
	if bytes.IndexByte(text[at:], '%') >= 0 || bytes.IndexByte(text[at:], '\\') >= 0 {
		return g.appendEscaped(dst, text, as, false)
	}
	if text[at] == '-' {
		return g.appendRaw(dst, text, as)
	}
	return g.appendFrom(dst, text, as, at)
}

// What nextStop can stop at. Its state counts the dots of a run in the lowest four bits, the
// colons in the next four, and dashes between digits in the highest four. Each count starts so
// that the third dot, second colon or third dash sets its highest bit.
const (
	stopRun    = 8 | 8<<4 // enough separators for an address
	stopEscape = 1 << 8
	stopSecret = 1 << 9 // '=' or '@': the name of a secret parameter, or a user, may precede it
	stopDashed = 8 << 10
	noRun      = 8 - 3 | (8-2)<<4 | noDashes
	noDashes   = (8 - 3) << 10
)

// steps[c] is how the byte c changes nextStop's state: a mask of the bits to keep (upper half)
// and what to add to them (lower half).
var steps = func() (t [256]uint32) {
	for c := range t {
		t[c] = noRun
		switch {
		case class[c]&inDigit != 0:
			t[c] = 0xffff << 16
		case class[c]&(inHex|inSep) != 0:
			t[c] = 0xff<<16 | noDashes
		}
	}
	t['-'] = (0xf<<10)<<16 | noRun&^noDashes + 1<<10
	t['.'] += 1
	t[':'] += 1 << 4
	t['%'] += stopEscape
	t['\\'] += stopEscape
	t['='] += stopSecret
	t['@'] += stopSecret
	return t
}()

// nextStop returns the offset of the first of stops in text[from:], len(text) for none. Most
// texts have none, so the loop has no branch that would be mispredicted.
func nextStop(text []byte, from int, stops uint32) int {
	state := uint32(noRun)
	for i := from; i < len(text); i++ {
		step := steps[text[i]]
		state = state&(step>>16) + step&0xffff
		if state&stops != 0 {
			return i
		}
	}
	return len(text)
}

// appendRaw is appendText for a text in which every byte means itself.
func (g *Guard) appendRaw(dst, text []byte, as strictness) []byte {
	return g.appendFrom(dst, text, as, nextStop(text, 0, stopRun))
}

// appendFrom is appendRaw for a text whose first stop is at i.
func (g *Guard) appendFrom(dst, text []byte, as strictness, i int) []byte {
	kept := 0
	for ; i < len(text); i = nextStop(text, i, stopRun) {
		start, end := i, i
		for start > kept && class[text[start-1]]&(inHex|inSep) != 0 {
			start--
		}
		for end < len(text) && class[text[end]]&(inHex|inSep) != 0 {
			end++
		}
		i = end
		if as == agentText && isVersion(text, start, end) || isQualified(text, start, end) {
			continue
		}
		run := text[start:end]
		for a := findAddr(run); a.end > 0; a = nextAddr(run, a.end) {
			from := escapeStart(text, start+a.start)
			dst = g.appendPlain(dst, text[kept:from])
			kept = start + a.end
			if dst = g.appendFound(dst, run[a.start:a.end], a, kept-from); g.spent() {
				return dst
			}
		}
	}
	return g.appendPlain(dst, text[kept:])
}

// appendEscaped is appendText for a text with %XX or \u00XX escapes. It searches the decoded
// text for addresses, and then what it keeps once more undecoded, since a percent sign may be
// no escape. If escapes are nested, it also searches what it keeps with each escape decoded
// once: %2%37.0.2.1 can be read as %27.0.2.1, as 7.0.2.1 and as 27.0.2.1. once selects that
// search.
func (g *Guard) appendEscaped(dst, text []byte, as strictness, once bool) []byte {
	kept, nested := 0, false
	for i := 0; i < len(text); {
		raw := i
		if text[i] != '%' && text[i] != '\\' {
			if raw = nextStop(text, i, stopRun|stopEscape); raw == len(text) {
				break
			}
		}
		if class[text[raw]]&inSep == 0 && !mayUnescape(text, raw) {
			i = raw + 1 // a run that ends here has too few separators
			continue
		}
		for raw > i && class[text[raw-1]]&(inHex|inSep) != 0 {
			raw--
		}
		dots, colons, escapes := 0, 0, false
		width := 1
		for i = raw; i < len(text); i += width {
			c := text[i]
			if width = 1; (c == '%' || c == '\\') && mayUnescape(text, i) {
				if once {
					c, width = unescapeOne(text[i:])
				} else {
					c, width, _ = unescapeLong(text[i:])
				}
				nested = nested || width > 3 && isNested(text[i:i+width])
			}
			if class[c]&(inHex|inSep) == 0 {
				break
			}
			escapes = escapes || width > 1
			switch c {
			case '.':
				dots++
			case ':':
				colons++
			}
		}
		end := i
		i += width // past the byte or escape that ends the run
		if dots < 3 && colons < 2 || as == agentText && !escapes && isVersion(text, raw, end) {
			continue
		}
		g.decode(text, raw, end, once)
		for a := findAddr(g.run); a.end > 0; a = nextAddr(g.run, a.end) {
			start := escapeStart(text, g.pos[a.start])
			dst = g.appendKept(dst, text[kept:start], as, nested)
			kept = g.pos[a.end]
			if dst = g.appendFound(dst, g.run[a.start:a.end], a, kept-start); g.spent() {
				return dst
			}
		}
	}
	return g.appendKept(dst, text[kept:], as, nested)
}

// decode decodes text[start:end] into g.run and g.pos.
func (g *Guard) decode(text []byte, start, end int, once bool) {
	g.run, g.pos = g.run[:0], g.pos[:0]
	for i := start; i < end; {
		c, width := text[i], 1
		if (c == '%' || c == '\\') && mayUnescape(text, i) {
			if once {
				c, width = unescapeOne(text[i:])
			} else {
				c, width, _ = unescapeLong(text[i:])
			}
		}
		g.run, g.pos = append(g.run, c), append(g.pos, i)
		i += width
	}
	g.pos = append(g.pos, end)
}

// appendKept appends what appendEscaped keeps of a text, after another search for addresses.
func (g *Guard) appendKept(dst, text []byte, as strictness, nested bool) []byte {
	if !nested {
		return g.appendRaw(dst, text, as)
	}
	g.decodedRun, g.spare = g.spare, g.decodedRun
	dst = g.appendEscaped(dst, text, as, true)
	g.decodedRun, g.spare = g.spare, g.decodedRun
	return dst
}

// appendFound appends the pseudonym of the address a, which replaces width bytes of a text, or
// "-" past the bounds.
func (g *Guard) appendFound(dst, run []byte, a found, width int) []byte {
	if !g.affords(width) || g.found == 0 || !a.exact && len(run) > MaxName {
		g.strikes--
		return append(dst, struck...)
	}
	g.found--
	start := len(dst)
	if a.exact {
		g.work -= g.Cipher.Cost(a.addr)
		dst = g.Cipher.appendFound(dst, run, a.addr)
	} else {
		g.work -= pseudonym.NameCost(len(run))
		dst = g.Cipher.AppendName(dst, run)
	}
	g.growth -= len(dst) - start - width
	return dst
}
