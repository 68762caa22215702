package filter

import (
	"bytes"
	"time"

	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// MaxLine is the length of the longest line that is written whole, in bytes.
const MaxLine = maxLine

// Dater tells the days of pseudonymised lines. It serves one goroutine.
type Dater struct {
	parser format.Parser
	line   format.Line
}

// NewDater returns a Dater for lines of the formats that are told by
// themselves. An epoch has its date in loc.
func NewDater(loc *time.Location) (*Dater, error) {
	p, err := format.New("auto", loc, nil)
	return &Dater{parser: p}, err
}

// Day returns the date of a line by its time field. A line of an unknown format
// has a date only if all of its time stamps have that one: any but one can be
// the client's, as in /calendar?from=2026-11-22.
func (d *Dater) Day(line []byte) (day civil.Day, ok bool) {
	line = bytes.TrimSuffix(line, newline)
	if d.parser.Parse(line, &d.line) && d.line.HasDay {
		return d.line.Day, true
	}
	return onlyDay(line)
}

// Pseudonyms calls found for each address of a pseudonymised line, IPv4 ones
// included, that can be a pseudonym.
func Pseudonyms(line []byte, found func(pseudonym.Addr)) {
	eachPseudonym(line, func(_, _ int, a pseudonym.Addr) { found(a) })
}

// AppendRevealed appends a pseudonymised line with its pseudonyms turned back,
// and returns how many there were, and how many were left: those that held
// denies and those of which an address comes out that no client has. It cannot
// know the line's format: an address that the filter had left alone, such as the server's
// own, may come out as some other. Under ipcrypt, whose pseudonyms are IPv6,
// IPv4 addresses stay.
func AppendRevealed(dst, line []byte, c *pseudonym.Cipher, held func(pseudonym.Addr) bool) (_ []byte, n, left int) {
	kept := 0
	eachPseudonym(line, func(start, end int, a pseudonym.Addr) {
		if a.Is4() && !c.Keeps4() {
			return
		}
		addr, ok := c.Reveal(a)
		if !ok {
			return // a name
		}
		if !addr.IsClient() || !held(a) {
			left++
			return
		}
		dst = append(dst, line[kept:start]...)
		dst = addr.AppendTo(dst)
		kept = end
		n++
	})
	return append(dst, line[kept:]...), n, left
}

// eachPseudonym calls found for each line[start:end] that is an address.
func eachPseudonym(line []byte, found func(start, end int, a pseudonym.Addr)) {
	g := guard{}
	for s := (runs{text: line}); s.next(); {
		if isVersion(line, s.start, s.end) {
			continue
		}
		g.decode(line, s.start, s.end, false)
		for from := 0; from < len(g.run); {
			a := findPseudonym(g.run[from:])
			if a.end == 0 {
				break
			}
			if a.exact {
				found(g.pos[from+a.start], g.pos[from+a.end], a.addr)
			}
			from += a.end
		}
	}
}

// findPseudonym is findAddr where an IPv6 address may have a port behind it, as
// in the error log. A pseudonym has its eight groups written out but for one
// among 2^29, so that the port is a ninth.
func findPseudonym(run []byte) found {
	a := findAddr(run)
	if a.end > 0 && !a.exact {
		if colon := bytes.LastIndexByte(run[:a.end], ':'); colon > 0 && isPort(run[colon:a.end]) {
			if b := findAddr(run[:colon]); b.exact {
				return b
			}
		}
	}
	return a
}
