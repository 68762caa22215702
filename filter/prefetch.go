package filter

import "hushpipe/format/machine"

// clientHash is the hash of the client that a line begins with, computed before the line is
// parsed. In most formats the client comes first and ends at the first blank.
type clientHash struct {
	sum uint64 // machine.Sum of line[:end]
	end int    // 0 if the hash was not computed
}

// prefetch begins to load what is cached of clients, which does not fit into a processor's
// first caches: the index for the next line's client, and the entry of this line's client,
// whose index it loaded one line ago. To find the entry at once would mean to wait for the
// index. rest is what follows the current line.
func (f *Filter) prefetch(rest []byte) {
	f.hash, f.nextHash.end = f.nextHash, 0
	c := f.guard.Cipher // the previous line's; nearly always the next line has the same
	if c == nil {
		return
	}
	if f.hash.end > 0 {
		c.Prefetch(f.hash.sum)
	}
	if end := f.delims.Ahead; end >= 0 {
		f.nextHash = clientHash{machine.Sum(rest[:end]), end}
		c.PrefetchIndex(f.nextHash.sum)
	}
}
