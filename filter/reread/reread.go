// Package reread reads lines that hushpipe wrote: it finds their dates and the pseudonyms in
// them, turns pseudonyms back into addresses, and overwrites a person's lines so that they are
// nobody's. The commands reveal, find and erase use it, and the proof of package filter. It
// deals with lines only, not with files.
package reread

import (
	"bytes"
	"time"

	"hushpipe/filter/guard"
	"hushpipe/filter/pseudonym"
	"hushpipe/format"
	"hushpipe/format/civil"
)

// Dater finds the dates of pseudonymised lines. It is for one goroutine.
type Dater struct {
	parser format.Parser
	line   format.Line
}

// NewDater returns a Dater for lines of the formats that are detected automatically. A Unix
// time has its date in loc.
func NewDater(loc *time.Location) (*Dater, error) {
	p, err := format.New("auto", loc, nil)
	return &Dater{parser: p}, err
}

// Day returns the date of a line by its time field. A line of an unknown format has a date only
// if all of its time stamps have the same one: any but one can come from the client, as in
// /calendar?from=2026-11-22.
func (d *Dater) Day(line []byte) (day civil.Day, ok bool) {
	line = bytes.TrimSuffix(line, newline)
	if d.parser.Parse(line, &d.line) && d.line.HasDay {
		return d.line.Day, true
	}
	return guard.OnlyDay(line)
}

// Pseudonyms calls found for each address in a pseudonymised line that can be a pseudonym, IPv4
// ones included.
func Pseudonyms(line []byte, found func(pseudonym.Addr)) {
	guard.Pseudonyms(line, func(_, _ int, a pseudonym.Addr) { found(a) })
}

// AppendRevealed appends a pseudonymised line with its pseudonyms turned back into addresses. n
// is how many were, and left how many were not: those that held denies, and those that decrypt
// to an address that no client has. It cannot know the line's format: an address that the
// filter left alone, such as the server's own, may come out as another one. Under ipcrypt,
// whose pseudonyms are IPv6, IPv4 addresses stay.
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
