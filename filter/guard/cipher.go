package guard

import (
	"fmt"
	"io"
	"slices"

	"hushpipe/filter/pseudonym"
	"hushpipe/filter/recent"
	"hushpipe/format/machine"
)

// Cipher makes the pseudonyms of a day. It caches those of the clients that it met lately, by
// how the log spells them.
type Cipher struct {
	*pseudonym.Cipher
	recent recent.Table[Client]
	long   Client // the result of appendText for a text that is too long for an entry
}

// maxClients is how many clients are cached, in 4 MiB.
const maxClients = 1 << 15

// Client is an address as a log spells it, and what the mode makes of it. It fills two cache
// lines. The caller's notes are kept until another client takes the entry.
type Client struct {
	Addr  pseudonym.Addr
	Notes [3]uint64 // for the caller: of the rooms that it was counted in lately
	Agent uint16    // for the caller: where the text of its user agent is

	n, m uint8 // lengths of text and out; n is 0 in an unused entry
	both [2 * maxPseudonym]byte
}

// NewCipher returns a Cipher that makes pseudonyms with c.
func NewCipher(c *pseudonym.Cipher) *Cipher {
	return &Cipher{Cipher: c, recent: recent.New[Client](maxClients)}
}

// Format writes no more than pseudonym.Cipher does, whatever the verb, since a Cipher holds
// addresses.
func (c *Cipher) Format(s fmt.State, _ rune) { io.WriteString(s, fmt.Sprint(c.Cipher)) }

// AppendTo appends what the mode makes of the address.
func (k *Client) AppendTo(dst []byte) []byte {
	// Copy the whole field: a copy of constant length needs no branch.
	n := len(dst)
	dst = slices.Grow(dst, maxPseudonym)
	out := [maxPseudonym]byte(k.both[maxPseudonym:])
	*(*[maxPseudonym]byte)(dst[n : n+maxPseudonym]) = out
	return dst[:n+int(k.m)]
}

// is reports whether text is how the log spelled the address.
func (k *Client) is(text []byte) bool { return string(k.both[:k.n]) == string(text) }

// PrefetchIndex begins to load what Prefetch reads, by the same hash.
func (c *Cipher) PrefetchIndex(sum uint64) { machine.Prefetch(c.recent.Place(sum)) }

// Prefetch begins to load the entry of a spelling, by its hash, into the processor's cache.
func (c *Cipher) Prefetch(sum uint64) { machine.Prefetch(c.recent.First(sum)) }

// Find returns the Client that text spells, or nil if text is no address or none that was
// appended lately. sum is machine.Sum(text). The Client is valid until the next address is
// appended.
func (c *Cipher) Find(text []byte, sum uint64) *Client {
	if len(text) == 0 { // as in an unused entry
		return nil
	}
	if k := c.recent.First(sum); k.is(text) {
		return k
	}
	if k := c.recent.Second(sum); k.is(text) {
		return k
	}
	return nil
}

// appendText appends what the mode makes of the address that text spells, in the forms of
// pseudonym.ParseAddr. It returns the Client, valid until the next call. For any other text
// it appends nothing and returns nil.
func (c *Cipher) appendText(dst, text []byte) ([]byte, *Client) {
	sum := machine.Sum(text)
	if k := c.Find(text, sum); k != nil {
		return k.AppendTo(dst), k
	}
	a, ok := pseudonym.ParseAddr(text)
	if !ok {
		return dst, nil
	}
	start := len(dst)
	dst = c.AppendAddr(dst, a)
	if len(text) > maxPseudonym {
		c.long = Client{Addr: a}
		return dst, &c.long
	}
	k, _ := c.recent.Put(sum)
	*k = Client{Addr: a, n: uint8(len(text)), m: uint8(len(dst) - start)}
	copy(k.both[:maxPseudonym], text)
	copy(k.both[maxPseudonym:], dst[start:])
	return dst, k
}

// appendFound is AppendAddr for the address that text spells. It caches addresses whose
// pseudonyms take long to compute.
func (c *Cipher) appendFound(dst, text []byte, a pseudonym.Addr) []byte {
	if c.Cost(a) == 1 {
		return c.AppendAddr(dst, a)
	}
	dst, _ = c.appendText(dst, text)
	return dst
}
