package filter

import (
	"fmt"
	"io"
	"slices"

	"hushpipe/filter/pseudonym"
	"hushpipe/format/machine"
)

// dayCipher is the Cipher of a day, with the addresses that it was used for lately.
type dayCipher struct {
	*pseudonym.Cipher
	recent ring[client]
	long   client // what appendText returned of a text that is too long for an entry
}

// maxClients have 4 MiB of entries.
const maxClients = 1 << 15

// client is an address as a log spells it, and what the mode makes of it. It fills
// two cache lines.
type client struct {
	addr  pseudonym.Addr
	notes [3]uint64 // of rooms that it was counted in lately, as noteKey makes them
	agent uint16    // where in cleanTexts its user agent lies

	n, m uint8 // lengths of text and out; n is 0 in an unused entry
	both [2 * maxPseudonym]byte
}

func newDayCipher(key *pseudonym.Key, mode pseudonym.Mode) *dayCipher {
	return &dayCipher{Cipher: pseudonym.New(key, mode), recent: newRing[client](maxClients)}
}

// Format writes no more than the Cipher does, for every verb: there are addresses in it.
func (c *dayCipher) Format(s fmt.State, _ rune) { io.WriteString(s, fmt.Sprint(c.Cipher)) }

// appendTo appends what the mode makes of the address.
func (k *client) appendTo(dst []byte) []byte {
	// All of the field is copied: a copy of a known length needs no branch.
	n := len(dst)
	dst = slices.Grow(dst, maxPseudonym)
	out := [maxPseudonym]byte(k.both[maxPseudonym:])
	*(*[maxPseudonym]byte)(dst[n : n+maxPseudonym]) = out
	return dst[:n+int(k.m)]
}

// is reports whether the log spells it so.
func (k *client) is(text []byte) bool { return string(k.both[:k.n]) == string(text) }

// near begins to bring near the entry of a spelling, by its hash.
func (c *dayCipher) near(sum uint64) {
	k := c.recent.first(sum)
	machine.Near(&k.addr)
	machine.Near(&k.both[len(k.both)-1])
}

// find returns what is known of an address as text spells it, by the text's hash;
// nil for an address that was not appended lately, and for any other text. It is
// valid until the next call of appendText.
func (c *dayCipher) find(text []byte, sum uint64) *client {
	if len(text) == 0 { // as in an unused entry
		return nil
	}
	if k := c.recent.first(sum); k.is(text) {
		return k
	}
	if k := c.recent.second(sum); k.is(text) {
		return k
	}
	return nil
}

// appendText appends what the mode makes of an address as text spells it, in the
// forms of pseudonym.ParseAddr. What is known of it is valid until the next call,
// nil for any other text; nothing is appended then.
func (c *dayCipher) appendText(dst, text []byte) ([]byte, *client) {
	sum := machine.Sum(text)
	if k := c.find(text, sum); k != nil {
		return k.appendTo(dst), k
	}
	a, ok := pseudonym.ParseAddr(text)
	if !ok {
		return dst, nil
	}
	start := len(dst)
	dst = c.AppendAddr(dst, a)
	if len(text) > maxPseudonym {
		c.long = client{addr: a}
		return dst, &c.long
	}
	k, _ := c.recent.put(sum)
	*k = client{addr: a, n: uint8(len(text)), m: uint8(len(dst) - start)}
	copy(k.both[:maxPseudonym], text)
	copy(k.both[maxPseudonym:], dst[start:])
	return dst, k
}

// appendFound is AppendAddr for an address that text spells. It remembers those
// that take long to work out.
func (c *dayCipher) appendFound(dst, text []byte, a pseudonym.Addr) []byte {
	if c.Cost(a) == 1 {
		return c.AppendAddr(dst, a)
	}
	dst, _ = c.appendText(dst, text)
	return dst
}
