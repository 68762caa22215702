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

// Cipher computes the pseudonyms of one day. Within the day, each address has one pseudonym,
// in every process with the day's key. One goroutine uses it.
//
// The pseudonym of a host name is in 100::/64, the discard prefix of RFC 6666, from which no
// client can connect. The pseudonym of an address is there only by chance: with ipcrypt one
// in 2^64, with pfx those of one /64 in 2^64. It is taken for that of a host name, and
// Reveal refuses it.
type Cipher struct {
	mode Mode
	perm permutation // nil if the mode is not reversible

	count   cipher.Block
	in, out [16]byte

	name  hash.Hash // HMAC-SHA-256
	field hash.Hash // the same, for fields
	group hash.Hash // the same, for groups and people
	chunk [sha256.BlockSize]byte
	sum   [sha256.Size]byte
}

// New returns the Cipher of the day with this key. It keeps no reference to the key.
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

// Format prints only the mode, for every verb, since the rest is secret.
func (c *Cipher) Format(s fmt.State, _ rune) { io.WriteString(s, "Cipher("+c.mode.String()+")") }

// AppendAddr appends the replacement of an address: an address as text (at most 39 bytes),
// for mask the first address of its network, for drop "-". It has no cache.
func (c *Cipher) AppendAddr(dst []byte, a Addr) []byte {
	switch c.mode.kind {
	case mask:
		return c.mode.Remainder(a).AppendTo(dst)
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

// passesForClear reports whether the pseudonym p of an address a that nobody has would be
// taken by NewProof for an address in clear.
func passesForClear(a, p Addr) bool { return !p.Is4() && p.isAllocated() && !a.isPlausible() }

// Earlier returns the pseudonym that an earlier version produced for an address, if
// AppendAddr produces another one. Reveal inverts it.
func (c *Cipher) Earlier(a Addr) (p Addr, differs bool) {
	if c.perm == nil {
		return p, false
	}
	p = c.perm.encrypt(a)
	return p, passesForClear(a, p)
}

// Cost returns how long a pseudonym of an address takes at most, in AES blocks.
func (c *Cipher) Cost(a Addr) int {
	switch {
	case c.mode.kind != pfx:
		return 1
	case a.Is4():
		return 2 * 32
	}
	return 2 * 128
}

// NameCost is Cost for a name of n bytes, whose HMAC takes longer than a few AES blocks.
func NameCost(n int) int { return 32 + n/16 }

// AppendName appends the replacement of a client that is not an address: "-" for drop, the
// name itself for keep, otherwise the text of its pseudonym.
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

// AppendNameAddr is AppendName that also returns the pseudonym.
func (c *Cipher) AppendNameAddr(dst, name []byte) ([]byte, Addr) {
	a := c.nameAddr(name)
	if c.mode.kind >= drop {
		return c.AppendName(dst, name), a
	}
	return a.AppendTo(dst), a
}

// nameAddr returns the pseudonym of a host name, or of any other bytes, in every mode: 100::
// and 64 bits of a keyed hash. The case of ASCII letters does not matter (RFC 4343).
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

// IsName reports whether a is in 100::/64, like the pseudonyms of names.
func (a Addr) IsName() bool { return binary.BigEndian.Uint64(a[:8]) == 0x0100<<48 }

// AppendHash appends the keyed hash of a field's value: h and 16 hexadecimal digits. During
// a day it is the same for the same field and value.
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

// Fingerprint returns the number that tells a room's clients apart: a pseudorandom function
// of the room's hash and the true address, or the pseudonym of a client without one. It does
// not depend on the mode.
//
// It is the CBC-MAC of two AES-128 blocks; CBC-MAC needs a fixed length. The last 4 bytes of
// the room's hash are omitted: a chance collision in 128 bits is far rarer than one in the
// 64 bits of the result, and forging one costs 2^64 hashes, more than a collision of the
// whole SHA-1 does.
func (c *Cipher) Fingerprint(room *[20]byte, a Addr) uint64 {
	copy(c.in[:], room[:16])
	c.count.Encrypt(c.out[:], c.in[:])
	for i := range c.in {
		c.in[i] = c.out[i] ^ a[i]
	}
	c.count.Encrypt(c.out[:], c.in[:])
	return binary.BigEndian.Uint64(c.out[:])
}

// Reveal returns the address behind a pseudonym. It returns false for a pseudonym in
// 100::/64, since a hash has no inverse, and in a mode that is not reversible. It cannot
// detect whether a was made under this key: any other address, or one of another day, yields
// somebody else's address.
func (c *Cipher) Reveal(a Addr) (Addr, bool) {
	if c.perm == nil || a.IsName() {
		return Addr{}, false
	}
	return c.perm.decrypt(a), true
}

// KeepsAddresses reports whether the mode leaves addresses unchanged.
func (c *Cipher) KeepsAddresses() bool { return c.mode.kind == keep }

// IsMasked reports whether an address is a network as mask produces it.
func (c *Cipher) IsMasked(a Addr) bool {
	if c.mode.kind != mask {
		return false
	}
	return string(c.AppendAddr(nil, a)) == string(a.AppendTo(nil))
}

// Keeps4 reports whether the pseudonyms of IPv4 addresses are IPv4 addresses. Under ipcrypt,
// that has a chance of one in 2^96.
func (c *Cipher) Keeps4() bool { return c.mode.kind != ipcrypt }
