package pseudonym

import (
	"slices"

	"github.com/cespare/xxhash/v2"

	"hushpipe/format/machine"
)

const (
	minEntries = 256     // 32 KiB
	maxEntries = 1 << 15 // 4 MiB
)

// Known is an address as a log spells it, and what the mode makes of it. It
// fills two cache lines.
type Known struct {
	Addr Addr
	// Notes and Agent are the caller's, zero at first. They are forgotten with the
	// rest.
	Notes [3]uint64
	Agent uint16

	n, m uint8 // lengths; n is 0 in an unused entry
	text [maxText]byte
	out  [maxText]byte
}

// appendTo copies all of the field: a copy of a known length needs no branch.
func (k *Known) appendTo(dst []byte) []byte {
	n := len(dst)
	dst = slices.Grow(dst, maxText)
	*(*[maxText]byte)(dst[n : n+maxText]) = k.out
	return dst[:n+int(k.m)]
}

func (k *Known) set(text []byte, a Addr, out []byte) {
	*k = Known{Addr: a, n: uint8(len(text)), m: uint8(len(out))}
	copy(k.text[:], text)
	copy(k.out[:], out)
}

// Sum is the hash of an address as text, for AppendText and Prefetch. It is
// no secret: who has many addresses share a place makes us compute, as new ones do.
func Sum(text []byte) uint64 { return xxhash.Sum64(text) }

// cache remembers the pseudonyms of recent addresses, each by its spelling, at
// one of the two places that its hash gives, the latest at the first one. It
// grows by doubling while addresses displace each other.
type cache struct {
	sets      [][2]Known // as many as a power of two, none before the first use
	displaced int        // entries overwritten since the last growth
}

func (c *cache) set(sum uint64) *[2]Known { return &c.sets[sum&uint64(len(c.sets)-1)] }

// find returns the entry of a spelling, nil for none.
func (c *cache) find(text []byte, sum uint64) *Known {
	if len(c.sets) == 0 {
		return nil
	}
	set := c.set(sum)
	if k := &set[0]; string(k.text[:k.n]) == string(text) {
		return k
	}
	if k := &set[1]; string(k.text[:k.n]) == string(text) {
		return k
	}
	return nil
}

// put makes an entry for a spelling that find does not find, at most maxText
// bytes long. What find and put returned before may be another's now.
func (c *cache) put(text []byte, sum uint64, a Addr, out []byte) *Known {
	if c.displaced >= len(c.sets) && 2*len(c.sets) < maxEntries {
		c.grow()
	}
	set := c.set(sum)
	if set[1].n > 0 {
		c.displaced++
	}
	set[1] = set[0]
	set[0].set(text, a, out)
	return &set[0]
}

// grow takes less than a millisecond.
func (c *cache) grow() {
	old := c.sets
	c.sets = make([][2]Known, max(minEntries/2, 2*len(old)))
	c.displaced = 0
	for i := range old {
		for j := range old[i] {
			if k := &old[i][j]; k.n > 0 {
				c.set(Sum(k.text[:k.n]))[j] = *k // its neighbour lies at the other place, if not in another set
			}
		}
	}
}

// Prefetch has what is known of the address with this Sum brought near.
func (c *Cipher) Prefetch(sum uint64) {
	if len(c.cache.sets) > 0 {
		set := c.cache.set(sum)
		machine.Prefetch(&set[0])
		machine.Prefetch(&set[1])
	}
}
