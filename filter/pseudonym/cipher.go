// Package pseudonym implements the pseudonyms of IP addresses and host names
// under the key of a day: ipcrypt-deterministic and ipcrypt-pfx of
// draft-denis-ipcrypt, truncation, and keyed hashes for names and for counting.
package pseudonym

import (
	"crypto/cipher"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"hash"
	"io"
)

// Cipher makes the pseudonyms of one day. Within the day one address has one
// pseudonym, in every process with the day's key. It serves one goroutine.
//
// The pseudonym of a host name lies in 100::/64, the discard prefix of RFC
// 6666, from which no client can call. A pseudonym of an address lies there by
// chance: with ipcrypt one among 2^64, with pfx those of one /64 among 2^64.
// Such a one passes for a host name, and Reveal refuses it.
type Cipher struct {
	mode Mode
	perm permutation // nil for a mode that is not reversible

	count   cipher.Block
	in, out [16]byte

	name  hash.Hash // HMAC-SHA-256
	field hash.Hash // the same, of fields
	group hash.Hash // the same, of groups and people
	chunk [sha256.BlockSize]byte
	sum   [sha256.Size]byte
}

// New returns the Cipher of the day that has the key. It keeps no reference to
// the key.
func New(key *Key, mode Mode) *Cipher {
	c := &Cipher{
		mode:  mode,
		count: newAES(key.expand(labelCount, 16)),
		name:  hmac.New(sha256.New, key.expand(labelName, sha256.Size)),
		field: hmac.New(sha256.New, key.expand(labelField, sha256.Size)),
		group: hmac.New(sha256.New, key.expand(labelGroup, sha256.Size)),
	}
	switch mode.kind {
	case ipcrypt:
		c.perm = newDeterministic(key.expand(labelDeterministic, 16))
	case pfx:
		c.perm = newPrefixPreserving(key.expand(labelPfx, 32))
	}
	return c
}

// Format writes the mode alone, for every verb: the rest is secret.
func (c *Cipher) Format(s fmt.State, _ rune) { io.WriteString(s, "Cipher("+c.mode.String()+")") }

// AppendAddr appends what the mode makes of the address: an address as text (at
// most 39 bytes), for mask the first of its network, for drop "-". It works it
// out each time.
func (c *Cipher) AppendAddr(dst []byte, a Addr) []byte {
	switch c.mode.kind {
	case mask:
		return c.mode.Left(a).AppendTo(dst)
	case drop:
		return append(dst, '-')
	case keep:
		return a.AppendTo(dst)
	}
	p := c.perm.encrypt(a)
	if passesForClear(a, p) {
		var text [maxText]byte
		p = c.nameAddr(a.AppendTo(text[:0]))
	}
	return p.AppendTo(dst)
}

// passesForClear reports whether an address that nobody has would get a pseudonym p that
// NewProof takes for an address in clear.
func passesForClear(a, p Addr) bool { return !p.Is4() && p.isAllocated() && !a.isPlausible() }

// Earlier returns the pseudonym that an earlier version made of an address, where
// AppendAddr makes another one of it. Reveal turns it back.
func (c *Cipher) Earlier(a Addr) (p Addr, differs bool) {
	if c.perm == nil {
		return p, false
	}
	p = c.perm.encrypt(a)
	return p, passesForClear(a, p)
}

// Cost returns how long the pseudonym of an address takes at most, in blocks of AES.
func (c *Cipher) Cost(a Addr) int {
	switch {
	case c.mode.kind != pfx:
		return 1
	case a.Is4():
		return 2 * 32
	}
	return 2 * 128
}

// NameCost is Cost for a name of n bytes, the HMAC of which takes longer than a few
// blocks of AES.
func NameCost(n int) int { return 32 + n/16 }

// AppendName appends what the mode makes of a client that is not an address: "-"
// for drop, the name itself for keep, otherwise the text of its pseudonym.
func (c *Cipher) AppendName(dst, name []byte) []byte {
	switch c.mode.kind {
	case drop:
		return append(dst, '-')
	case keep:
		return append(dst, name...)
	case proving:
		return c.perm.(*proof).appendName(dst, name)
	}
	return c.nameAddr(name).AppendTo(dst)
}

// AppendNameAddr is AppendName that returns the pseudonym, too.
func (c *Cipher) AppendNameAddr(dst, name []byte) ([]byte, Addr) {
	a := c.nameAddr(name)
	if c.mode.kind >= drop {
		return c.AppendName(dst, name), a
	}
	return a.AppendTo(dst), a
}

// nameAddr returns the pseudonym of a host name, or of any other bytes, in
// every mode: 100:: and 64 bits of a keyed hash. Upper and lower case of ASCII
// letters are the same name (RFC 4343).
func (c *Cipher) nameAddr(name []byte) Addr {
	c.name.Reset()
	for len(name) > 0 {
		n := copy(c.chunk[:], name)
		name = name[n:]
		for i, b := range c.chunk[:n] {
			if 'A' <= b && b <= 'Z' {
				c.chunk[i] = b + 'a' - 'A'
			}
		}
		c.name.Write(c.chunk[:n])
	}
	a := Addr{0: 0x01}
	copy(a[8:], c.name.Sum(c.sum[:0]))
	return a
}

// IsName reports whether a lies in 100::/64, as the pseudonyms of names do.
func (a Addr) IsName() bool { return binary.BigEndian.Uint64(a[:8]) == 0x0100<<48 }

// AppendHash appends the keyed hash of a field's value: h and 16 hexadecimal digits. All
// day, it is the same for the same field and value.
func (c *Cipher) AppendHash(dst []byte, field string, value []byte) []byte {
	if c.mode.kind == proving {
		return c.perm.(*proof).appendHash(dst, value)
	}
	c.field.Reset()
	n := copy(c.chunk[:], field)
	c.chunk[n] = '='
	c.field.Write(c.chunk[:n+1])
	c.field.Write(value)
	return hex.AppendEncode(append(dst, 'h'), c.field.Sum(c.sum[:0])[:8])
}

// Fingerprint returns what tells clients of rooms apart: a pseudorandom
// function of the room's hash and the true address, or the pseudonym of a
// client that has none. The mode does not matter.
//
// It is the CBC-MAC of two AES-128 blocks, always two, as CBC-MAC needs. The
// last 4 bytes of the room's hash are left out: a chance collision of 128 bits
// is far rarer than one of the 64 that come out, and making one on purpose
// costs 2^64 hashes, more than a collision of the whole SHA-1 does.
func (c *Cipher) Fingerprint(room *[20]byte, a Addr) uint64 {
	copy(c.in[:], room[:16])
	c.count.Encrypt(c.out[:], c.in[:])
	for i := range c.in {
		c.in[i] = c.out[i] ^ a[i]
	}
	c.count.Encrypt(c.out[:], c.in[:])
	return binary.BigEndian.Uint64(c.out[:])
}

// Reveal returns the address behind a pseudonym. It is false for a pseudonym
// in 100::/64, as a hash has no inverse, and in a mode that is not reversible.
// Nothing tells whether a was made under this key: any other address, or one
// of another day, gives somebody else's address.
func (c *Cipher) Reveal(a Addr) (Addr, bool) {
	if c.perm == nil || a.IsName() {
		return Addr{}, false
	}
	return c.perm.decrypt(a), true
}

// Keeps reports whether everything stays as it is.
func (c *Cipher) Keeps() bool { return c.mode.kind == keep }

// IsMasked reports whether an address is a network as mask leaves it.
func (c *Cipher) IsMasked(a Addr) bool {
	if c.mode.kind != mask {
		return false
	}
	return string(c.AppendAddr(nil, a)) == string(a.AppendTo(nil))
}

// Keeps4 reports whether the pseudonym of an IPv4 address is one. Under ipcrypt
// that has a chance of one among 2^96.
func (c *Cipher) Keeps4() bool { return c.mode.kind != ipcrypt }
