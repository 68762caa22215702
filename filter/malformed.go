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
		dst = append(dst, text[kept:s.start]...)
		kept = s.end
		if s.end-s.start > maxName*len("%253A") {
			dst = append(dst, struck...)
			continue
		}
		g.decode(text, s.start, s.end, false)
		a := found{end: len(g.run)}
		a.addr, a.exact = pseudonym.ParseAddr(g.run)
		dst = g.appendFound(dst, g.run, a, s.end-s.start)
	}
	return append(dst, text[kept:]...)
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
		if beginsStamp(s.text[i:]) {
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
			c, w := s.text[i], 1
			if c == '%' || c == '\\' {
				c, w, _ = unescapeLong(s.text[i:])
			}
			if class[c]&(inHex|inSep) == 0 {
				if start == i || seps < 2 && w > 1 {
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

// beginsStamp reports whether a text may begin with a time stamp, by the first digit
// or the name of a weekday and by what ends the day or the year.
func beginsStamp(text []byte) bool {
	if len(text) < len("2026-11-22") {
		return false
	}
	if class[text[0]]&inDigit != 0 {
		return text[2] == '/' || text[4] == '-' || text[4] == '/'
	}
	return text[3] == ' ' && 'A' <= text[0] && text[0] <= 'Z'
}

// inRun reports whether the byte at i, if there is one, could go on a run.
func (s *runs) inRun(i int) bool {
	return i >= 0 && i < len(s.text) && class[s.text[i]]&(inHex|inSep) != 0
}
