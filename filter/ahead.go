package filter

import "hushpipe/format/machine"

// ahead is what is known of a client before its line is treated: most formats begin
// with it, and a blank tells where it ends.
type ahead struct {
	sum uint64 // machine.Sum of line[:end]
	end int    // 0: not known
}

// lookAhead brings near what the cipher remembers of clients, which are too many for
// a processor's nearest cache: of the next line's, where the index tells of it; of
// the current line's, for which that was done a line ago, the pseudonym. rest is what
// follows the current line.
func (f *Filter) lookAhead(rest []byte) {
	f.client, f.next.end = f.next, 0
	c := f.guard.cipher // the last line's, and nearly always this one's
	if c == nil {
		return
	}
	if f.client.end > 0 {
		c.Near(f.client.sum)
	}
	if end := f.marks.Ahead; end >= 0 {
		f.next = ahead{machine.Sum(rest[:end]), end}
		c.Expect(f.next.sum)
	}
}
