package pseudonym

import (
	"encoding/binary"
	"encoding/hex"
)

// Group identifies the lines of a day that have the same values in some fields:
// a keyed hash. Its last byte is 16 times the number of the fields; with 1 for the first
// field and so on added, it stands for the people whom that field tells apart.
type Group [20]byte

// Fields returns how many fields the group has, 15 at most.
func (g Group) Fields() int { return int(g[19] >> 4) }

// AppendTo appends the group in hexadecimal digits.
func (g *Group) AppendTo(dst []byte) []byte { return hex.AppendEncode(dst, g[:]) }

// ParseGroup reads what AppendTo appends.
func ParseGroup(digits []byte) (g Group, ok bool) {
	if len(digits) != 2*len(g) {
		return g, false
	}
	_, err := hex.Decode(g[:], digits)
	return g, err == nil
}

// Field returns the identifier of the people whom field n, from 0 on, tells apart.
func (g Group) Field(n int) [20]byte {
	g[19] = g[19]&0xf0 | byte(n+1)
	return g
}

// GroupOf returns the group of what Field returned.
func GroupOf(field [20]byte) Group {
	field[19] &= 0xf0
	return field
}

// AppendGroup returns the Group of these values, one for each of the fields that rule
// names: groups of different rules have nothing in common. scratch is overwritten, and
// returned for the next call.
func (c *Cipher) AppendGroup(scratch []byte, rule string, values [][]byte) (Group, []byte) {
	scratch = appendPart(append(scratch[:0], 'g'), rule)
	for _, v := range values {
		scratch = appendPart(scratch, v)
	}
	var g Group
	c.group.Reset()
	c.group.Write(scratch)
	copy(g[:], c.group.Sum(c.sum[:0]))
	g[19] = byte(len(values)) << 4
	return g, scratch
}

// Person returns what tells the people of a group apart by the value of a field: 64 bits
// of a keyed hash.
func (c *Cipher) Person(field *[20]byte, value []byte) uint64 {
	n := copy(c.chunk[:], "p")
	n += copy(c.chunk[n:], field[:])
	c.group.Reset()
	c.group.Write(c.chunk[:n])
	c.group.Write(value)
	return binary.BigEndian.Uint64(c.group.Sum(c.sum[:0]))
}

// Household returns what of an address tells people apart: all of an IPv4 address, and
// the /64 of an IPv6 address, of which one person has many; of 6to4 (RFC 3056) the /48,
// which is one IPv4 address. A host name tells nobody apart: who has a domain has as many
// as he likes.
func (a Addr) Household() (Addr, bool) {
	if a.IsName() {
		return Addr{}, false
	}
	if a[0] == 0x20 && a[1] == 0x02 {
		return a.Prefix6(48), true
	}
	return a.Prefix6(64), true
}

// appendPart appends a text with its length, so that two texts cannot pass for two others.
func appendPart[T string | []byte](dst []byte, text T) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(text))), text...)
}
