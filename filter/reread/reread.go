// Package reread reads lines that hushpipe wrote: it finds their days and the pseudonyms in
// them, turns pseudonyms back into addresses, and makes of a person's lines lines of nobody.
// The commands reveal, find and erase use it, and the proof of package filter. It knows no
// files.
package reread

import (
	"bytes"
	"time"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/civil"
)

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
	return guard.OnlyDay(line)
}

// Pseudonyms calls found for each address of a pseudonymised line, IPv4 ones
// included, that can be a pseudonym.
func Pseudonyms(line []byte, found func(pseudonym.Addr)) {
	guard.Pseudonyms(line, func(_, _ int, a pseudonym.Addr) { found(a) })
}

// AppendRevealed appends a pseudonymised line with its pseudonyms turned back,
// and returns how many there were, and how many were left: those that held
// denies and those of which an address comes out that no client has. It cannot
// know the line's format: an address that the filter had left alone, such as the server's
// own, may come out as some other. Under ipcrypt, whose pseudonyms are IPv6,
// IPv4 addresses stay.
func AppendRevealed(dst, line []byte, c *pseudonym.Cipher, held func(pseudonym.Addr) bool) (_ []byte, n, left int) {
	kept := 0
	guard.Pseudonyms(line, func(start, end int, a pseudonym.Addr) {
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

var newline = []byte{'\n'}
