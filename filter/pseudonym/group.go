package pseudonym

import (
	"encoding/binary"
	"encoding/hex"
)

// Group identifies the lines of a day with the same values in certain fields: a keyed hash.
// Its last byte is 16 times the number of fields; adding n (from 1) makes it stand for the
// people whom the n-th field tells apart.
type Group [20]byte

// Fields returns the number of fields of the group, at most 15.
func (g Group) Fields() int { return int(g[19] >> 4) }

// AppendTo appends the group in hexadecimal digits.
func (g *Group) AppendTo(dst []byte) []byte { return hex.AppendEncode(dst, g[:]) }

// ParseGroup parses the output of AppendTo.
func ParseGroup(digits []byte) (g Group, ok bool) {
	if len(digits) != 2*len(g) {
		return g, false
	}
	_, err := hex.Decode(g[:], digits)
	return g, err == nil
}

// Field returns the identifier of the people whom field n, from 0, tells apart.
func (g Group) Field(n int) [20]byte {
	g[19] = g[19]&0xf0 | byte(n+1)
	return g
}

// GroupOf returns the group of a result of Field.
func GroupOf(field [20]byte) Group {
	field[19] &= 0xf0
	return field
}

// AppendGroup returns the Group of these values, one for each field that rule names. Groups
// of different rules are unrelated. It overwrites scratch, and returns it for the next call.
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

// Person returns the number that tells the people of a group apart by a field's value: 64
// bits of a keyed hash.
func (c *Cipher) Person(field *[20]byte, value []byte) uint64 {
	n := copy(c.chunk[:], "p")
	n += copy(c.chunk[n:], field[:])
	c.group.Reset()
	c.group.Write(c.chunk[:n])
	c.group.Write(value)
	return binary.BigEndian.Uint64(c.group.Sum(c.sum[:0]))
}

// Household returns the part of an address that tells people apart: a whole IPv4 address,
// and the /64 of an IPv6 address, since one person has many of these; for 6to4 (RFC 3056)
// the /48, which is one IPv4 address. It returns false for a host name: the owner of a
// domain has as many as they like.
func (a Addr) Household() (Addr, bool) {
	if a.IsName() {
		return Addr{}, false
	}
	if a[0] == 0x20 && a[1] == 0x02 {
		return a.Prefix6(48), true
	}
	return a.Prefix6(64), true
}

// appendPart appends a text with its length, so that no two sequences of texts are equal.
func appendPart[T string | []byte](dst []byte, text T) []byte {
	return append(binary.BigEndian.AppendUint32(dst, uint32(len(text))), text...)
}
