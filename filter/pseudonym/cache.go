package pseudonym

import (
	"encoding/binary"
	"math/bits"
)

const (
	minSets = 128   // 16 KiB
	maxSets = 16384 // 2 MiB
)

// entry is a pseudonym's text, one cache line long.
type entry struct {
	addr Addr
	len  uint8 // 0 in an unused entry
	text [maxText]byte
	_    [64 - 16 - 1 - maxText]byte
}

// cache remembers the pseudonyms of recent addresses. It is two-way
// set-associative, and each set has its latest used entry first. It grows by
// doubling while addresses displace each other. A larger table starts empty,
// so that growing never holds up a line: what is lost is computed again.
// The hash is no secret: who fills one set on purpose makes us compute, as new
// addresses do anyway.
type cache struct {
	sets      [][2]entry // a power of two, none before the first use
	displaced int        // entries overwritten since the last growth
}

func mix(a *Addr) uint64 {
	// Two arbitrary odd numbers: the fractions of pi.
	hi, lo := bits.Mul64(
		binary.LittleEndian.Uint64(a[:8])^0x243f6a8885a308d3,
		binary.LittleEndian.Uint64(a[8:])^0x13198a2e03707345)
	return hi ^ lo
}

// find returns the entry of a, for the caller to fill in where its len is 0.
// It is valid until the next call.
func (c *cache) find(a Addr) *entry {
	if c.displaced >= len(c.sets) && len(c.sets) < maxSets {
		c.sets = make([][2]entry, max(minSets, 2*len(c.sets)))
		c.displaced = 0
	}
	set := &c.sets[mix(&a)&uint64(len(c.sets)-1)]
	switch {
	case set[0].len > 0 && set[0].addr == a:
		return &set[0]
	case set[1].len > 0 && set[1].addr == a:
		set[0], set[1] = set[1], set[0]
		return &set[0]
	}
	if set[1].len > 0 {
		c.displaced++
	}
	set[1] = set[0]
	set[0].addr, set[0].len = a, 0
	return &set[0]
}
