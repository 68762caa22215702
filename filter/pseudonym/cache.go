package pseudonym

import (
	"slices"

	"hushpipe/format/machine"
)

const (
	minEntries = 256     // 32 KiB
	maxEntries = 1 << 15 // 4 MiB, as many as a place in the index can tell
)

// Known is an address as a log spells it, and what the mode makes of it. It
// fills two cache lines.
type Known struct {
	Addr Addr
	// Notes and Agent are the caller's, zero at first. They are forgotten with the
	// rest.
	Notes [3]uint64
	Agent uint16

	n, m uint8 // lengths of text and out; n is 0 in an unused entry
	both [2 * maxText]byte
}

// AppendTo appends what the mode makes of the address.
func (k *Known) AppendTo(dst []byte) []byte {
	// All of the field is copied: a copy of a known length needs no branch.
	n := len(dst)
	dst = slices.Grow(dst, maxText)
	out := [maxText]byte(k.both[maxText:])
	*(*[maxText]byte)(dst[n : n+maxText]) = out
	return dst[:n+int(k.m)]
}

// text is how the log spells it.
func (k *Known) text() []byte { return k.both[:k.n] }

func (k *Known) set(text []byte, a Addr, out []byte) {
	*k = Known{Addr: a, n: uint8(len(text)), m: uint8(len(out))}
	copy(k.both[:maxText], text)
	copy(k.both[maxText:], out)
}

// cache remembers the pseudonyms of recent addresses, each by its spelling. It
// grows by doubling until the oldest entry makes room for a new one. Where an entry
// lies stands in the index, at one of two places that its hash gives.
type cache struct {
	known []Known  // as many as a power of two, none before the first use
	index []uint16 // indexFactor times as many
	next  int      // the entry to be used next
}

// indexFactor has few entries share a place.
const indexFactor = 4

func (c *cache) first(sum uint64) *uint16  { return &c.index[sum&uint64(len(c.index)-1)] }
func (c *cache) second(sum uint64) *uint16 { return &c.index[sum>>32&uint64(len(c.index)-1)] }

// expect brings near where the index tells of a spelling, by its machine.Sum.
func (c *cache) expect(sum uint64) {
	if len(c.known) > 0 {
		machine.Near(c.first(sum))
	}
}

// near brings near the entry of a spelling that was expected.
func (c *cache) near(sum uint64) {
	if len(c.known) > 0 {
		k := &c.known[*c.first(sum)]
		machine.Near(&k.Addr)
		machine.Near(&k.both[len(k.both)-1])
	}
}

// find returns the entry of a spelling, by its machine.Sum; nil for none.
func (c *cache) find(text []byte, sum uint64) *Known {
	if len(c.known) == 0 || len(text) > maxText {
		return nil
	}
	if k := &c.known[*c.first(sum)]; machine.Equal(k.text(), text) {
		return k
	}
	if k := &c.known[*c.second(sum)]; machine.Equal(k.text(), text) {
		return k
	}
	return nil
}

// put makes an entry for a spelling that find does not find, at most maxText
// bytes long. What find and put returned before may be another's now.
func (c *cache) put(text []byte, a Addr, out []byte) *Known {
	if c.next == len(c.known) {
		if c.next = 0; len(c.known) < maxEntries {
			c.grow()
		}
	}
	*c.place(machine.Sum(text)) = uint16(c.next)
	k := &c.known[c.next]
	c.next++
	k.set(text, a, out)
	return k
}

// place returns the place for a new entry.
func (c *cache) place(sum uint64) *uint16 {
	p := c.first(sum)
	if k := &c.known[*p]; k.n > 0 && c.first(machine.Sum(k.text())) == p {
		return c.second(sum) // the first one is taken
	}
	return p
}

// grow takes less than a millisecond.
func (c *cache) grow() {
	old := c.known
	c.known = make([]Known, max(minEntries, 2*len(old)))
	c.index = make([]uint16, indexFactor*len(c.known))
	for i := range old {
		c.known[i] = old[i]
		*c.place(machine.Sum(old[i].text())) = uint16(i)
	}
	c.next = len(old)
}
