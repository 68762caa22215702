package filter

import "hushpipe/filter/pseudonym"

// AppendRevealed appends a pseudonymised line with its pseudonyms turned back,
// and returns how many there were. It cannot know the line's format: an address
// that the filter had left alone, such as the server's own, comes out as some
// other. Under a mode that writes IPv6 only, IPv4 addresses stay.
func AppendRevealed(dst, line []byte, c *pseudonym.Cipher) ([]byte, int) {
	kept, n := 0, 0
	for s := (runs{text: line}); s.next(); {
		a := findAddr(line[s.start:s.end])
		if !a.exact || isVersion(line, s.start, s.end) {
			continue
		}
		addr, ok := c.Reveal(a.addr)
		if !ok {
			continue
		}
		dst = append(dst, line[kept:s.start+a.start]...)
		dst = addr.AppendTo(dst)
		kept = s.start + a.end
		n++
	}
	return append(dst, line[kept:]...), n
}
