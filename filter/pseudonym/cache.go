package pseudonym

import "github.com/cespare/xxhash/v2"

const (
	minEntries = 256     // 24 KiB
	maxEntries = 1 << 15 // 3 MiB
)

// entry is an address as a log spells it, and its pseudonym.
type entry struct {
	addr Addr
	n, m uint8 // lengths; n is 0 in an unused entry
	text [maxText]byte
	out  [maxText]byte
}

// cache remembers the pseudonyms of recent addresses, each by its spelling, at
// the one place that its hash gives. It grows by doubling while addresses
// displace each other. A larger table starts empty, so that growing never holds
// up a line: what is lost is computed again. The hash is no secret: who fills
// one place on purpose makes us compute, as new addresses do anyway.
type cache struct {
	entries   []entry // a power of two, none before the first use
	displaced int     // entries overwritten since the last growth
}

// find returns the place of a spelling, at most maxText bytes long, and whether
// the entry there is its own. It is valid until the next call.
func (c *cache) find(text []byte) (e *entry, hit bool) {
	if 2*c.displaced >= len(c.entries) && len(c.entries) < maxEntries {
		c.entries = make([]entry, max(minEntries, 2*len(c.entries)))
		c.displaced = 0
	}
	e = &c.entries[xxhash.Sum64(text)&uint64(len(c.entries)-1)]
	return e, string(e.text[:e.n]) == string(text)
}

// put fills the place that find gave for text.
func (c *cache) put(e *entry, text []byte, a Addr, out []byte) {
	if e.n > 0 {
		c.displaced++
	}
	e.addr, e.n, e.m = a, uint8(copy(e.text[:], text)), uint8(copy(e.out[:], out))
}
