package filter

import "hushpipe/format/machine"

// ahead is what is known of a client before its line is treated: most formats begin
// with it, and a blank tells where it ends.
type ahead struct {
	sum uint64 // machine.Sum of line[:end]
	end int    // 0: not known
}

// lookAhead brings near what is remembered of the next line's client, since clients
// are too many for a processor's nearest cache. rest is what follows the current line.
func (f *Filter) lookAhead(rest []byte) {
	f.begin, f.next.end = f.next, 0
	c := f.guard.Cipher // the last line's, and nearly always this one's
	if c == nil {
		return
	}
	if end := f.delims.Ahead; end >= 0 {
		f.next = ahead{machine.Sum(rest[:end]), end}
		c.Prefetch(f.next.sum)
	}
}
