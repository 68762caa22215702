package guard

import (
	"bytes"

	"hushpipe/filter/pseudonym"
)

// Pseudonyms calls found for each address in a line that hushpipe wrote, which is
// line[start:end]: each may be a pseudonym.
func Pseudonyms(line []byte, found func(start, end int, a pseudonym.Addr)) {
	g := Guard{}
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
