package filter

import (
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
)

// A malformed line fits no format: garbage, a line of another log, or two long
// lines that were written into each other, which can cut an address in two.
// Nothing in it can be trusted to be what it seems, so every run of hexadecimal
// digits, dots and colons with two separators is replaced, well-formed time
// stamps apart.

// appendBroken appends a text of a malformed line.
func (g *guard) appendBroken(dst, text []byte) []byte {
	kept := 0
	for s := (runs{text: text}); s.next(); {
		g.decode(text, s.start, s.end)
		dst = append(dst, text[kept:s.start]...)
		if a, ok := pseudonym.ParseAddr(g.run); ok {
			dst = g.cipher.AppendAddr(dst, a)
		} else {
			dst = g.cipher.AppendName(dst, g.run)
		}
		kept = s.end
	}
	return append(dst, text[kept:]...)
}

// decode takes text[start:end] into g.run and g.pos.
func (g *guard) decode(text []byte, start, end int) {
	g.run, g.pos = g.run[:0], g.pos[:0]
	for i := start; i < end; {
		c, w := unescape(text[i:])
		g.run, g.pos = append(g.run, c), append(g.pos, i)
		i += w
	}
	g.pos = append(g.pos, end)
}

// StampDay returns the newest date of all well-formed time stamps of a malformed
// line: an old one that a client made up cannot make the line expire.
func StampDay(line []byte) (day format.Day, ok bool) {
	s := runs{text: line}
	for s.next() {
	}
	return s.day, s.stamped
}

// onlyDay returns the date of all well-formed time stamps of a line, if it is
// one and the same.
func onlyDay(line []byte) (day format.Day, ok bool) {
	s := runs{text: line}
	for s.next() {
	}
	return s.day, s.stamped && !s.differ
}

// runs finds the runs of a text that have two separators, escapes included,
// and on its way the newest date of a time stamp.
type runs struct {
	text       []byte
	start, end int // the run is text[start:end]

	stamped bool
	differ  bool // time stamps have several dates
	day     format.Day
}

func (s *runs) next() bool {
	for i := s.end; i < len(s.text); {
		if beginsStamp(s.text[i]) {
			if day, n := format.TimeStamp(s.text[i:]); n > 0 && !s.inRun(i-1) && !s.inRun(i+n) {
				s.differ = s.differ || s.stamped && day != s.day
				if !s.stamped || day > s.day {
					s.day, s.stamped = day, true
				}
				i += n
				continue
			}
		}
		start, seps := i, 0
		for i < len(s.text) {
			c, w := unescape(s.text[i:])
			if class[c]&(inHex|inSep) == 0 {
				if start == i {
					i += w
				}
				break
			}
			if class[c]&inSep != 0 {
				seps++
			}
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

// beginsStamp reports whether c is a digit or begins the name of a weekday.
func beginsStamp(c byte) bool {
	switch c {
	case 'S', 'M', 'T', 'W', 'F':
		return true
	}
	return class[c]&inDigit != 0
}

// inRun reports whether the byte at i, if there is one, could go on a run.
func (s *runs) inRun(i int) bool {
	return i >= 0 && i < len(s.text) && class[s.text[i]]&(inHex|inSep) != 0
}
