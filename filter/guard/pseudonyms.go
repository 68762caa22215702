package guard

import (
	"bytes"

	"hushpipe/filter/pseudonym"
)

// Pseudonyms calls found for each address a in a line that hushpipe wrote, at line[start:end].
// Each may be a pseudonym, or an address that the filter left alone.
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

// findPseudonym is findAddr for runs in which an IPv6 address may have a port behind it, as in
// the error log. All but one pseudonym in 2^29 are written with eight groups, so the port is a
// ninth.
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
