package filter

import (
	"bytes"

	"hushpipe/filter/pseudonym"
)

// AppendRevealed appends a pseudonymised line with its pseudonyms turned back,
// and returns how many there were. It cannot know the line's format: an address
// that the filter had left alone, such as the server's own, comes out as some
// other. Under ipcrypt, whose pseudonyms are IPv6, IPv4 addresses stay.
func AppendRevealed(dst, line []byte, c *pseudonym.Cipher) ([]byte, int) {
	g := guard{}
	kept, n := 0, 0
	for s := (runs{text: line}); s.next(); {
		if isVersion(line, s.start, s.end) {
			continue
		}
		g.decode(line, s.start, s.end)
		for from := 0; from < len(g.run); {
			a := findPseudonym(g.run[from:])
			if a.end == 0 {
				break
			}
			start, end := g.pos[from+a.start], g.pos[from+a.end]
			from += a.end
			if !a.exact || a.addr.Is4() && !c.Keeps4() {
				continue
			}
			if addr, ok := c.Reveal(a.addr); ok {
				dst = append(dst, line[kept:start]...)
				dst = addr.AppendTo(dst)
				kept = end
				n++
			}
		}
	}
	return append(dst, line[kept:]...), n
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
